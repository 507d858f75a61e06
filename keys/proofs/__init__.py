"""What is signed, and how that is shown later: requests, starts of many jobs, ends, the output of jobs. Knows no socket."""
