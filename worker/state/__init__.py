"""The state folder: who holds it, its log folders, and what is read and removed there."""
