"""Which worker is used: contexts, and the private worker of this user."""
