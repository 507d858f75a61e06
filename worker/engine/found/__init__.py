"""What the log folders say about jobs that the supervisor does not know: runs, outcomes, and outcomes that cannot be read yet."""
