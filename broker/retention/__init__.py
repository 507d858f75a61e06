"""How long ended jobs and events are kept, and how they are removed."""
