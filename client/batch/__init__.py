"""Jobs as people describe them, in options and batch files."""
