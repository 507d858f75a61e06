"""What is wrong between this user and their jobs, and what to type about it: `jobwire doctor`."""
