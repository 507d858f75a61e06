"""The desk: takes requests, remembers jobs, decides what runs when and where, publishes events. Knows no process."""
