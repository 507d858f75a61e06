"""The standard streams of a job: its pipes or its terminal, the bytes in them, and the files that they are copied to."""
