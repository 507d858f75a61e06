"""The options of jobs as callers of the library give them, and the specs that they become."""
