"""New members by a token: invitations in the roster, the content of a token, and the proof of owning a key. Knows no socket."""
