"""The state folder: its lock, its log folders, and how they are read and removed."""
