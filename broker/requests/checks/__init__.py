"""What is checked of a request beside its jobs: what it says about their run, what they wait for, and whether a job sent it."""
