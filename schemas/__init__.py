"""The wire contract: what is said, how it is named, bounded and refused. Knows no socket, no key and no clock."""
