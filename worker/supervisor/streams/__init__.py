"""The standard streams of a job: its pipes or its terminal, the bytes that go through them, and the files where they end."""
