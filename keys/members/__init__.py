"""Who may connect, and what they may do there: the roster, its changes, and the rights of roles."""
