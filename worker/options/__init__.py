"""How the options of the daemons' commands are read."""
