"""What a person says about jobs, read from options and batch files."""
