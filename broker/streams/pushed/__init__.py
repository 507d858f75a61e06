"""Bytes that clients push: the inputs of running jobs, what is typed at their terminals, and contents of files."""
