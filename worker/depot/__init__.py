"""The files of jobs on this machine: received, unpacked before a job starts, and read; all on threads."""
