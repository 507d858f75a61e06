"""A run of a batch as an HTML page: figures about its jobs, sentences, and the page."""
