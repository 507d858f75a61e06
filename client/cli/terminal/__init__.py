"""What a command reads from and writes to: streams, screen, progress, signals."""
