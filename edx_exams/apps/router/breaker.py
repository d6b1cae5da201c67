# SPDX-License-Identifier: AGPL-3.0-only
"""Circuit breaker: a service that has just failed is not called again at once."""

import threading
import time


class CircuitBreaker:
    """
    Permission to call a service: always while it works, once in a while after it has failed.

    After a failure it is left alone for a pause. Then one caller may probe it, while the others still may not; if that
    caller never tells how it went, another may after one more pause. Shared by the threads of a process.
    """

    def __init__(self, pause: float) -> None:
        """
        Start with a service that works.

        :param pause: seconds
        """
        self._pause = pause
        self._lock = threading.Lock()
        self._open_until: float | None = None

    def allows(self) -> bool:
        """Tell whether the caller may call now; whoever does reports `succeeded` or `failed` afterwards."""
        with self._lock:
            if self._open_until is None:
                return True
            now = time.monotonic()
            if now < self._open_until:
                return False
            self._open_until = now + self._pause
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._open_until = None

    def failed(self) -> None:
        """The service failed."""
        with self._lock:
            self._open_until = time.monotonic() + self._pause
