"""Batch files as they are written: TOML, JSON, and one command per line. Each becomes the same tables, with the places of their keys."""
