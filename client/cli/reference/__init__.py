"""The reference of the commands, generated from their definitions. Not needed to run a command."""
