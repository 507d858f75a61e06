"""New members by a token: which tokens are valid, the request that uses one up, and invitations that the daemon makes itself."""
