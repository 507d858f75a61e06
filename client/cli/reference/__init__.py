"""What the commands say about themselves, read from their definitions. Nothing of it is needed to run a command."""
