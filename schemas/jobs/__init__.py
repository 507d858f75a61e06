"""What is known about a job wherever it is: its spec with all parts, its states, and how it can end."""
