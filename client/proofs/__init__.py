"""Proofs of jobs: their file format, and the checks of them, without a connection. Pure."""
