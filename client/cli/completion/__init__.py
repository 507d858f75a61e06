"""What could come next on a command line: asked by a shell at each Tab, so it loads no parser, starts no worker and gives up soon."""
