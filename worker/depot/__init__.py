"""The files of jobs on this machine: received, unpacked before a job starts, and read. All of it on threads."""
