"""Files and folders as they travel between machines: the form of an archive, reading, and writing that leaves no folder."""
