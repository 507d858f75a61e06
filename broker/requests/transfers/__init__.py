"""Requests that transfer bytes of jobs: their standard input, what is typed at their terminals, their files and their logs."""
