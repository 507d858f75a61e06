"""The workers of a broker: their identity, their state and the reason for it, and requests of operators about them."""
