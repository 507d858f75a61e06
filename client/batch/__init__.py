"""Jobs as a person describes them, in options and batch files."""
