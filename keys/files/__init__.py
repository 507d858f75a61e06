"""Files and folders that others may change: who owns them, how they are written, when they change. Knows no key."""
