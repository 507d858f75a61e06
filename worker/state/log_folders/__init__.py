"""Log folders: their names, the small files in them, and the logs, as they are read."""
