"""Between a client and its event loop: the connection, when it has to be processed, and tasks that wait for the ends of jobs."""
