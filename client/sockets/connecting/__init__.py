"""One connecting socket: what the kernel and its monitor tell of it, and why there is no connection."""
