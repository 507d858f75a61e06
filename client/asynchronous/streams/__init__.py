"""Input and output of jobs for event loops, as library/streams/ has them for those that block."""
