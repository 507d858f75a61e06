"""How jobs end: by themselves, stopped, or out of time. Nothing of them is left."""

import os
import select
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import cpu_ticks, is_alive, until
