"""How a command line is read: what commands declare, and plain lines, without typer; typer does the rest, and says what is wrong."""
