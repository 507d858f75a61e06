"""Containment of a job's processes, and what the kernel reports about them."""
