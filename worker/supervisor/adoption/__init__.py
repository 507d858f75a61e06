"""Adoption of jobs that an earlier supervisor left behind."""
