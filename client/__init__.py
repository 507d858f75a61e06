"""Library and command line. Knows no store and no process of the workers."""
