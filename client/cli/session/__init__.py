"""This terminal and that of a job, connected."""
