"""The wire contract: messages, names, limits and refusals. Knows no socket, no key and no clock."""
