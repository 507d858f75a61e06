"""Shares the loop's time among identities and among streams."""
