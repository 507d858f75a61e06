"""What programs import: clients, jobs, events, output, results."""
