"""Options of jobs: one definition for command line, library and batch files, and the syntax of their values."""
