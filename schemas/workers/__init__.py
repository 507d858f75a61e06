"""What others know about a worker: its capacity for jobs, its labels, and the subjects of its warnings."""
