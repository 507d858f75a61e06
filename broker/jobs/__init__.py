"""What a job is to the code that decides about it: its attempts and their life, and its ties to other jobs. Pure."""
