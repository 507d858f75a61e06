"""Verify the standard input of a job that came through a broker: whether the bytes that arrived are those that its sender signed.

It outlives the broker's streams, of which there is a new one for each link. After a restart of the worker it continues from the stored hash
of whole blocks, and the bytes since then, which the input still has. Knows no file.
"""

from __future__ import annotations

from ....keys.proofs.input_seal import BLOCK_BYTES, Fed, RunningHash
from ...engine import Inlet


class SealedInput:
    """Gets all bytes in order, before the inlet does. `fed`: what is signed besides the bytes."""

    def __init__(self, fed: Fed) -> None:
        self.fed = fed
        self._hash = RunningHash()
        self._is_known = True

    def add(self, inlet: Inlet, data: memoryview) -> None:
        """Add the bytes that the inlet gets next."""
        if inlet.reached != self._hash.size:
            self._catch_up(inlet)
        before = self._hash.blocks
        self._hash.add(data)
        if self._hash.blocks != before:
            # Noted before the bytes arrive: so there is a note up to the last block that has, whenever this process is killed.
            inlet.note(*self._hash.blocks)

    def _catch_up(self, inlet: Inlet) -> None:
        """Hash bytes that an earlier run of the worker received, and drop those that could not be written."""
        self._hash = RunningHash(*inlet.noted())
        self._is_known = inlet.reached - self._hash.size < BLOCK_BYTES
        if self._is_known:
            self._hash.add(inlet.reread(self._hash.size))

    def problem(self, seal: bytes) -> str:
        """Return why the bytes that arrived do not match the seal; empty if they do."""
        if not self._is_known:
            return "the standard input cannot be checked: the worker was restarted meanwhile, and what it had noted of it is gone"
        if self._hash.is_sealed(self.fed, seal):
            return ""
        what = "its sender signed other bytes" if seal else "the signature of its sender is missing"
        return f"the {self._hash.size} bytes of standard input that the broker has passed on are not what was sent: {what}"
