"""What an earlier supervisor left behind, and how it is adopted."""
