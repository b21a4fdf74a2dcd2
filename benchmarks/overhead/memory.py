"""Peak memory of one training in a process of its own: ``python -m benchmarks.overhead.memory NAME plain|probed``."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

_STEPS = 60


def peak_megabytes(name: str, mode: str) -> float:
    """Run a training in a fresh process and return the largest amount of memory that it held."""
    command = [sys.executable, "-m", "benchmarks.overhead.memory", name, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .models import TRAININGS

    name, mode = sys.argv[1:]
    training = next(one for one in TRAININGS if one.name == name)
    callbacks = []
    if mode == "probed":
        from dlfix.diagnose.probe.callback import Localizer

        callbacks = [Localizer(verbose=0)]
    epochs = max(2, _STEPS // training.steps_per_epoch)
    training.make().fit(**training.arguments(), epochs=epochs, verbose=0, callbacks=callbacks)
    print(_peak_megabytes_of_this_process())
    return 0


def _peak_megabytes_of_this_process() -> float:
    """What the process itself held; on Linux ``ru_maxrss`` also knows what its parent held when it was forked."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found.group(1)) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    sys.exit(main())
