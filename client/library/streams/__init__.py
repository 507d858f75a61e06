"""The standard streams of a job, for programs: its input, and its output, as bytes or as text."""
