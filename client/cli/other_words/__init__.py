"""What to print about an unknown command or option: the words of other tools, and what was mistyped."""
