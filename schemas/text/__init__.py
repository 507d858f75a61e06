"""Text that a person wrote: times, sizes, TOML, and what is wrong with it in words."""
