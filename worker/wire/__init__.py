"""The protocol between worker, supervisor and keeper: its words, and how they are sent. Knows no job, and imports almost nothing."""
