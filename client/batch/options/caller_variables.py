"""Variables that a job takes from its caller: by name, by pattern, or all of them.

A name takes any variable. A pattern and `env_all` leave out those that describe the caller's session, and those that look like secrets;
named variables override them. Pure, except for `of_this_process`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from ....schemas.refusal import Code, Refused
from ....schemas.text.patterns import pattern
from ..octets import to_text

# A job has values of its own for most of them, and the others are about a shell, not about what it runs.
SESSION = ("HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "SHLVL", "_", "JOBWIRE_*")
# A name looks like a secret if one of its parts (runs of letters) is one of these words in any case, or ends with one of these endings.
SECRET_WORDS = ("AUTH", "CRED", "CREDS", "DSN", "JWT", "PAT", "PRIVATE", "PW", "PWD", "WEBHOOK")
SECRET_ENDINGS = (
    *("KEY", "KEYS", "PASS", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS"),
    *("COOKIE", "CREDENTIAL", "CREDENTIALS", "SECRET", "SECRETS", "TOKEN", "TOKENS"),
)
# The name of a program that asks for a password, as for ssh(1).
_ASKS_FOR_SECRETS = "ASKPASS"
# A URL with a password, a password in a connection string, or a private key in PEM. Without the scheme of the URL: a long value
# would be searched again from each of its letters.
_SECRET_VALUE = pattern(
    r"://[^/\s:@]*:[^/\s@]+@"
    r"|\b(?:password|passwd|pwd|accountkey|sharedaccesskey)=[^\s;&]"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----",
    re.IGNORECASE,
)
# In the locale C, Python sets this variable when it starts (PEP 538), and its caller does not have it.
_COERCED = "LC_CTYPE"
_COERCED_TO = ("C.UTF-8", "C.utf8", "UTF-8")
_PATTERN = pattern(r"[*?\[]")
_PART = pattern(r"[A-Za-z]+")


class Variables(NamedTuple):
    """Variables of a job. `named`: by name; `found`: by patterns, overridden by named ones; `withheld`: secrets left out."""

    named: dict[str, str]
    found: dict[str, str]
    withheld: tuple[str, ...] = ()


def of_this_process() -> dict[str, str]:
    """Return the variables of this process, without one that Python has set for itself."""
    found = {to_text(name): to_text(value) for name, value in os.environb.items()}
    if found.get(_COERCED) in _COERCED_TO and not _was_given(os.fsencode(_COERCED)):
        del found[_COERCED]
    return found


def _was_given(name: bytes) -> bool:
    """Return whether this process was started with a variable; also if the kernel does not tell."""
    try:
        with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 -- pathlib adds nothing here
            given = file.read()
    except OSError:
        return True
    # A program that changes its title may have overwritten it.
    return not given.strip(b"\0") or any(one.startswith(name + b"=") for one in given.split(b"\0"))


def looks_secret(name: str, value: str) -> bool:
    """Return whether a variable probably holds a secret, judged by its name or the format of its value."""
    for part in map(str.upper, _PART.findall(name)):
        if part in SECRET_WORDS or (part.endswith(SECRET_ENDINGS) and not part.endswith(_ASKS_FOR_SECRETS)):
            return True
    return _SECRET_VALUE.search(value) is not None


def find(caller: Mapping[str, str], pattern: str = "*") -> Variables:
    """Return the variables that match a pattern; possibly none."""
    matching = {name: value for name, value in caller.items() if name and fnmatchcase(name, pattern) and not _is_of_session(name)}
    withheld = tuple(name for name, value in matching.items() if looks_secret(name, value))
    return Variables({}, {name: value for name, value in matching.items() if name not in withheld}, withheld)


def read_variables(said: Iterable[str] | Mapping[str, str], caller: Mapping[str, str]) -> Variables:
    """Return variables from `K=V`, the name of a variable of the caller, or a pattern of such names; or from a table.

    Raises `Refused(INVALID_ARGUMENT)` for a name that the caller does not have.
    """
    if isinstance(said, Mapping):
        return Variables(dict(said), {})
    named: dict[str, str] = {}
    found: dict[str, str] = {}
    withheld: dict[str, None] = {}
    for item in said:
        name, is_set, value = item.partition("=")
        if is_set:
            named[name] = value
        elif not name:
            raise Refused(Code.INVALID_ARGUMENT, "an environment variable has no name", "write NAME or NAME=VALUE")
        elif name in caller:
            named[name] = caller[name]
        elif _PATTERN.search(name):
            # As with ssh_config(5) SendEnv, a pattern that matches nothing is no mistake.
            some = find(caller, name)
            found |= some.found
            withheld |= dict.fromkeys(some.withheld)
        else:
            # As in docker-run(1), a name alone copies the value from here; but it is an error if it is not set.
            what = f"the environment variable {name!r} is not set here"
            raise Refused(Code.INVALID_ARGUMENT, what, f"write {name}=VALUE, or set it first")
    return Variables(named, found, tuple(withheld))


def merge(layers: Iterable[Variables]) -> Variables:
    """Return all variables; of two named ones the last counts, and a named one overrides one that was found."""
    named: dict[str, str] = {}
    found: dict[str, str] = {}
    withheld: dict[str, None] = {}
    for layer in layers:
        named |= layer.named
        found |= layer.found
        withheld |= dict.fromkeys(layer.withheld)
    return Variables(named, found, tuple(name for name in withheld if name not in named))


def as_table(variables: Variables) -> dict[str, str]:
    """Return the variables for the spec of a job."""
    return variables.found | variables.named


def note_of(withheld: Iterable[str]) -> str:
    """Return a sentence about secrets that were left out; empty if there are none."""
    names = sorted(withheld)
    if not names:
        return ""
    shown = ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
    return f"not passed on, because they look like secrets: {shown}; to pass one on: -e {names[0]}"


# In a sentence.
_MOST_NAMES = 10


def _is_of_session(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in SESSION)
