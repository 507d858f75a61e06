"""Files of this machine that commands write: outputs of jobs, and what is fetched of their folders."""
