"""The file in which the measured coordinator notes its commits."""

from __future__ import annotations

import struct

FILE = "committed"
ROW = struct.Struct("<qiq")
"""A commit's time (epoch ns), the number of the task, its attempt's offset."""
