# SPDX-License-Identifier: AGPL-3.0-only
"""gunicorn's threaded worker, which loses no connection when it ends."""

from typing import override

from gunicorn.workers.gthread import ThreadWorker


class DrainingThreadWorker(ThreadWorker):
    """
    Takes what has come before it is told to end, and closes its door at once.

    gunicorn's own leaves its listening socket open until the requests in hand are answered. Connections that the kernel
    takes meanwhile are never read, and cut at the end: under load, dozens of requests that their senders believe sent.
    A connection that is refused goes to another server.
    """

    @override
    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._take_what_has_come()

    def _take_what_has_come(self) -> None:
        for listener in self.sockets:
            listener.setblocking(False)
            taken = -1
            while taken != self.nr_conns:  # `accept` takes one, if there is one
                taken = self.nr_conns
                self.accept(listener)
            listener.close()
