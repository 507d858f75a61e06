"""What is decided about each kind of input, a module each. Pure; `..decide` calls them."""
