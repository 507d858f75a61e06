"""Actions on existing jobs, each named or all of a selection: change, pause, signal, stop and forget them."""
