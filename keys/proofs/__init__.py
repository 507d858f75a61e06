"""What is signed and how it is verified later: requests, starts of many jobs, ends, the output of jobs. Knows no socket."""
