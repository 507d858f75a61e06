"""Many jobs from one: the values of `for_each`, and the placeholders that they replace. Pure, except that value files are read."""
