"""Proofs of jobs at the command line: whose signatures count, and output that is checked as it is read."""
