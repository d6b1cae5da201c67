"""Connections on which a read time-out bounds a whole answer, not each piece of it."""

import http.client
import io
import socket
import time
from typing import Any, Final, override

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Connections that a process keeps open; more are made where needed, and closed after use.
_CONNECTIONS_KEPT: Final = 20


class _UntilDeadline(io.RawIOBase):
    """What a socket receives, until a moment."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._received = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int | None:
        """
        Receive what is there, at least a byte.

        :raises TimeoutError: the moment has passed
        """
        seconds_left = self._deadline - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError
        self._sock.settimeout(seconds_left)
        return self._received.readinto(buffer)

    @override
    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """
    An answer that has come whole, head and body, when the socket's time-out is over.

    A server that sends a byte now and then is in time with each of them, and would hold a worker for ever.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if seconds := sock.gettimeout():
            self.fp.close()
            self.fp = io.BufferedReader(_UntilDeadline(sock, seconds))


class _HTTPConnection(HTTPConnection):
    response_class = _Response


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' transport over such connections, direct or by way of a proxy."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_CONNECTIONS_KEPT)

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_our_pools(self.poolmanager)

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_our_pools(manager)
        return manager


def _use_our_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
