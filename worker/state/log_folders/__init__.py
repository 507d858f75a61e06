"""Log folders: their names, the small files in them, and reading of the logs."""
