"""Files of this machine that a job brings, and what is fetched of a job's folder."""
