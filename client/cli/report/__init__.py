"""A run of a batch as a page of HTML: what is computed of its jobs, what is said about them, and the page."""
