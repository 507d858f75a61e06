"""Advice for an unknown command or option: the words of other tools, and typing mistakes."""
