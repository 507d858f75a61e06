"""Modules that libraries import and a shell completion does not need.

That the libraries work without them while they are loaded is private to them. Nothing is missing for later users, except `Path.as_uri`.
`tests/unit/test_private_parts.py` fails once they are not loaded by themselves.
"""

from ....schemas.private_parts.deferred import defer

# Of pathlib, and of what checks files: for functions that nobody calls here.
_DEFERRED = ("fnmatch", "ntpath", "re", "shlex")


def spare() -> None:
    """Load these only when one of their names is used. Does nothing for modules that are loaded already."""
    for name in _DEFERRED:
        defer(name)
    # pathlib takes this one function of it.
    defer("urllib.parse", quote_from_bytes=None)
