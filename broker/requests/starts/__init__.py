"""Starts: of one job or many, also in parts, and what they say about their run and its conditions."""
