"""Options of jobs: one definition for the command line, the library and batch files, and how their values are written."""
