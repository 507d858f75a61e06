"""New members by a token: invitations in the roster, what is in a token, and the proof that a key is one's own. Knows no socket."""
