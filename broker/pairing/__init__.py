"""New members by a token: which tokens are still valid, the request that uses one up, and invitations that the daemon makes itself."""
