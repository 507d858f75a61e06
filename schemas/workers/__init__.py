"""What a worker is to others: what it has for jobs, its labels, and what its warnings are about."""
