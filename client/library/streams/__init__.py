"""The standard streams of a job, for programs: what feeds it, and what it writes, as bytes or as text."""
