"""What an asynchronous client does with jobs: the counterpart of library/verbs/ for event loops."""
