"""Input and output of jobs for event loops; library/streams/ is the same for blocking clients."""
