"""Creation of a process from a job's spec: environment, folder, program and limits, and why it cannot start. Knows no supervisor."""
