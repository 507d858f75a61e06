"""Completion of a command line: called by a shell at each Tab, so it loads no parser, starts no worker and gives up soon."""
