"""The workers of a broker: who they are, what state they are in and why, and what operators ask and tell it about them."""
