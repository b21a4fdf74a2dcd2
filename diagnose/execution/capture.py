"""The output of a job, first and last part, however much it prints."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from pathlib import Path

KEPT_BYTES = 256 * 1024
_CHUNK = 1 << 16


class OutputCapture:
    """Reads a pipe in a thread of its own, so that the writer never has to wait, and keeps a bounded part.

    The first part is in the file at once (it survives whatever happens), the last part when the capture is finished.
    """

    def __init__(self, pipe: int, log: Path, kept: int = KEPT_BYTES) -> None:
        self._pipe = pipe
        self._log = log
        self._kept = kept
        self._head = 0
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped = 0
        log.parent.mkdir(parents=True, exist_ok=True)
        self._file = log.open("wb", buffering=0)
        self._thread = threading.Thread(target=self._pump, name="capture", daemon=True)
        self._thread.start()

    def finish(self, patience: float = 1.0) -> None:
        """Take what is still in the pipe and complete the file; all writers should be gone."""
        deadline = time.monotonic() + patience
        self._thread.join(max(0.0, deadline - time.monotonic()))
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._kept)
        dropped = self._dropped + surplus
        if dropped:
            self._file.write(f"\n[... {dropped} bytes of output left out ...]\n".encode())
        self._file.write(tail[surplus:])
        self._file.close()

    def _pump(self) -> None:
        while True:
            try:
                data = os.read(self._pipe, _CHUNK)
            except OSError:
                return
            if not data:
                return
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        room = self._kept - self._head
        if room > 0:
            self._file.write(data[:room])
            self._head += min(room, len(data))
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= self._kept:
            gone = self._tail.popleft()
            self._tail_bytes -= len(gone)
            self._dropped += len(gone)
