"""Files that commands write on this machine: outputs of jobs, and what is fetched from their folders."""
