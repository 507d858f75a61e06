"""Who may come in: members, jobs that act for them, guests of a fleet; and what a daemon signs of its jobs, their keys and their ends."""
