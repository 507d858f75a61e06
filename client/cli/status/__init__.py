"""`jobwire status`: the state of the worker in use, and who the user is there."""
