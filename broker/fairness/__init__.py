"""Shares the loop among those who ask, and among streams."""
