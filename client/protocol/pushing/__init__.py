"""What is sent after a request: the input of a job, what is typed at its terminal, and files; as far as the worker allows it."""
