"""The desk: takes requests, remembers jobs, decides what runs when and where, tells the news. Knows no process."""
