"""The benchmarks are no part of the installed package; they are imported from the folder they lie in."""

from __future__ import annotations

import sys
from pathlib import Path

# At the end: beside them lie the sources of dlfix, and what is installed comes first.
sys.path.append(str(Path(__file__).parents[2]))
