"""Who is who, who may do what, and secured sockets. Knows no job and no process."""
