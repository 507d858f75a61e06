"""Text written by people: times, sizes, TOML, and what is wrong with it in words."""
