"""One handler a request kind, found through one table keyed by the verb of the request."""
