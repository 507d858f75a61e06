"""The private worker of this user: found, or started if it is not running. Knows its state folder, not how it works."""
