"""What libraries import and an answer to Tab does not need.

That they need none of it while they are loaded is private to them. Nothing is missing for whoever uses it later, except `Path.as_uri`.
`tests/unit/test_private_parts.py` fails once they are not loaded by themselves.
"""

from ....schemas.private_parts.deferred import defer

# Of pathlib, and of what checks files: for functions that nobody calls here.
_DEFERRED = ("fnmatch", "ntpath", "re", "shlex")


def spare() -> None:
    """Have these loaded only when something of them is used. Does nothing for what was loaded before."""
    for name in _DEFERRED:
        defer(name)
    # pathlib takes this one function of it.
    defer("urllib.parse", quote_from_bytes=None)
