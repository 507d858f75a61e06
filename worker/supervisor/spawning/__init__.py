"""A process made from the spec of a job: its environment, folder, program and limits, and why it cannot be started. Knows no supervisor."""
