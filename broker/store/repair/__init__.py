"""A store that is damaged, or was lost: what is checked, what can still be read, and how it is made anew."""
