"""Which worker gets a job: decided without a walk over all of them. Pure."""
