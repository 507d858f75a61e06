"""Proofs of jobs: what a file of one looks like, and what is checked of it, without a connection. Pure."""
