"""The formats of batch files: TOML, JSON, and one command per line. Each is read into the same tables, with the places of their keys."""
