"""Many jobs of one request: the parts in which a batch is staged, the ids that a schedule gives, and the order of jobs that wait."""
