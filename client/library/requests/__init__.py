"""Requests as they are sent: starts, also in parts, lists, and queries about jobs."""
