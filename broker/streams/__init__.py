"""What is told without being asked for again: reports, followed logs, events."""
