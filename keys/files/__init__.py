"""Files and folders that others might have changed: whose they are, how they are written, when they change. Knows no key."""
