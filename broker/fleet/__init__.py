"""The engine of a broker: other workers, which have joined it. Which of them gets a job, the links to them, and what they report."""
