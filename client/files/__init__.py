"""Files of this machine that a job brings, and what is fetched from a job's folder."""
