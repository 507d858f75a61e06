"""What holds the processes of a job together, and what the kernel tells of them."""
