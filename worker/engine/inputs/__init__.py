"""What running jobs are given while they run: standard inputs that come as streams, and what is typed at their terminals."""
