"""Parsing of command lines: declarations of commands, and plain lines without typer; typer parses the rest, and reports mistakes."""
