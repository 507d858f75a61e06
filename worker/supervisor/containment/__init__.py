"""What holds the processes of a job together, and what the kernel knows about them."""
