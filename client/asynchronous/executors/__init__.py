"""Jobs as futures, which resemble those of `concurrent.futures`: for threads, and for event loops."""
