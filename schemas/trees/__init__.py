"""Files and folders as they are sent between machines: the archive format, reading, and writing that cannot leave its folder."""
