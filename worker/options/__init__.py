"""How options of the daemons' commands are parsed."""
