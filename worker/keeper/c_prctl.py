"""prctl(2), called through CPython's module `_ctypes`.

Private to CPython. Used because `ctypes` takes 0.5 MB of the keeper, which makes this one call. `tests/unit/test_private_parts.py` fails
once `ctypes` is as light, or the call has another effect than through `ctypes`.
"""

import _ctypes


def prctl(option: int, value: int) -> int:
    """Return the result of the system call: -1 if it failed."""
    everything = _ctypes.dlopen(None, 0)  # type: ignore[arg-type] # reason: as ctypes.CDLL(None) does; the types have files only
    result: int = _ctypes.call_function(_ctypes.dlsym(everything, "prctl"), (option, value, 0, 0, 0))
    return result
