"""What an earlier supervisor left, and how it is taken over."""
