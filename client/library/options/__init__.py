"""The options of jobs as callers of the library pass them, and the specs that result."""
