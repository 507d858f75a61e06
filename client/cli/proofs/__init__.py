"""Proofs of jobs on the command line: whose signatures are trusted, and output that is checked as it is read."""
