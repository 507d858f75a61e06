"""What is done to jobs that there are, each named or all of a selection: change, pause, signal, stop and forget them."""
