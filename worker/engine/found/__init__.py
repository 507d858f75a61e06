"""What the log folders tell of jobs that the supervisor does not know: runs, how they ended, and ends that cannot be read yet."""
