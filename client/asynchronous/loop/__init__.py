"""What stands between a client and its event loop: the connection, when it has to be turned, and tasks that wait for the ends of jobs."""
