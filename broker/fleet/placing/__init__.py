"""Which worker gets a job: decided without iterating over all of them. Pure."""
