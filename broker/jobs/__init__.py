"""What a job is to whoever decides about it: its attempt and life, and what ties it to others. Pure."""
