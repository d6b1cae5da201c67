"""Not asking a service again that has just failed."""

import threading
import time


class CircuitBreaker:
    """
    Whether a service may be asked: always while it works, once in a while when it has failed.

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
        self._next_probe: float | None = None

    def allows(self) -> bool:
        """Whether the caller may ask now; who does says afterwards how it went."""
        with self._lock:
            if self._next_probe is None:
                return True
            now = time.monotonic()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._pause
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._next_probe = None

    def failed(self) -> None:
        """The service failed."""
        with self._lock:
            self._next_probe = time.monotonic() + self._pause
