"""What a job is, independent of where it runs: its spec with all parts, its states, and how it can end."""
