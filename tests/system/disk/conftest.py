"""What tests of disks share."""

from __future__ import annotations

from small_disks import mount

__all__ = ["mount"]
