"""Output as text: `text=True`, `encoding=` and `errors=`, with the meaning that they have in `subprocess`.

Bytes are decoded when they are returned, and not before: the bytes of a job are kept unchanged.
"""

from __future__ import annotations

import codecs
import io
from typing import NamedTuple

# A job starts with a clean environment: the locale of this process says nothing about what a job writes.
DEFAULT_ENCODING = "utf-8"
_DEFAULT_ERRORS = "strict"
_READABLE = "backslashreplace"


class TextMode(NamedTuple):
    """How output is decoded. Line ends become line feeds, as in `subprocess`."""

    encoding: str
    errors: str

    def decode(self, data: bytes) -> str:
        """Return all of an output as text.

        Raises UnicodeDecodeError for what is not in the encoding.
        """
        return _with_newlines(data.decode(self.encoding, self.errors))

    def decode_for_error(self, data: bytes) -> str:
        """Return output as text for an exception about the job, which decoding errors must not replace.

        An incomplete character at the end is dropped, because the output may have been cut there; what cannot be decoded is escaped.
        """
        try:
            return _with_newlines(codecs.getincrementaldecoder(self.encoding)(self.errors).decode(data))
        except UnicodeDecodeError:
            return _with_newlines(data.decode(self.encoding, _READABLE))

    def decoder(self) -> io.IncrementalNewlineDecoder:
        """Return an incremental decoder."""
        return io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(self.encoding)(self.errors), translate=True)


def text_mode(text: bool | None, encoding: str | None, errors: str | None) -> TextMode | None:  # noqa: FBT001 -- as subprocess calls it
    """Return how output is decoded, or None if it stays bytes; any of the three arguments selects text.

    Raises LookupError for an unknown encoding or error handler, before anything is submitted.
    """
    if not text and encoding is None and errors is None:
        return None
    mode = TextMode(encoding or DEFAULT_ENCODING, errors or _DEFAULT_ERRORS)
    codecs.lookup_error(mode.errors)
    # Refuses also codecs from bytes to bytes, such as hex.
    b"a".decode(mode.encoding, "replace")
    codecs.getincrementaldecoder(mode.encoding)
    return mode


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
