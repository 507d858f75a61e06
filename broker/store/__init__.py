"""The one room that knows SQL: what the desk remembers on disk."""
