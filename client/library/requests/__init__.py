"""Requests as they are sent: starts, also in parts, lists, and questions about jobs."""
