"""Input of running jobs: standard inputs that arrive as streams, and what is typed at their terminals."""
