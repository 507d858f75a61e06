"""What a command is about: the jobs and the runs of batches that its arguments name, and doing one after another."""
