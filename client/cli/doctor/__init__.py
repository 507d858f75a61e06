"""`jobwire doctor`: problems between this user and their jobs, and the commands that fix them."""
