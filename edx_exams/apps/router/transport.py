# SPDX-License-Identifier: AGPL-3.0-only
"""Connections on which a time-out bounds all of what it is for: finding and reaching a server, and a whole answer."""

import http.client
import io
import socket
import time
from typing import Any, Final, override

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from edx_exams.dns import addresses_of

#: Connections that a process keeps open; more are made where needed, and closed after use.
_CONNECTIONS_KEPT: Final = 20


class _UntilDeadline(io.RawIOBase):
    """Data received by a socket, until a deadline."""

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

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file of a socket, as `http.client` asks for it."""
        return io.BufferedReader(self)


class _Response(http.client.HTTPResponse):
    """
    An answer that has come whole, head and body, when the socket's time-out is over.

    A server that sends a byte now and then is in time with each of them, and would hold a worker for ever.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        seconds = sock.gettimeout()
        source: Any = _UntilDeadline(sock, seconds) if seconds else sock
        super().__init__(source, *args, **kwargs)


class _HTTPConnection(HTTPConnection):
    """
    A connection that is made when its time-out is over, the look-up of the server's name included.

    Python's own gives each of a name's addresses all of the time, and the look-up as much as it likes.
    """

    response_class = _Response

    @override
    def _new_conn(self) -> socket.socket:
        if self.timeout is None:
            return super()._new_conn()
        try:
            return self._first_that_answers(time.monotonic() + self.timeout)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "Nobody answered in time") from error
        except OSError as error:
            raise NewConnectionError(self, "Nobody answered") from error

    def _first_that_answers(self, deadline: float) -> socket.socket:
        """
        The socket to the first of the server's addresses that answers in its share of the time.

        :raises OSError: none does
        """
        addresses = addresses_of(self.host, self.port, deadline - time.monotonic())
        while True:
            seconds = max(deadline - time.monotonic(), 0.001) / len(addresses)
            try:
                return create_connection(addresses.pop(0), seconds, self.source_address, self.socket_options)
            except OSError:
                if not addresses:
                    raise


class _HTTPSConnection(_HTTPConnection, HTTPSConnection):
    """The same over TLS."""


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' transport over such connections, direct or by way of a proxy."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_CONNECTIONS_KEPT)
        #: The server that was asked last with the options of that request, and the connections to it.
        self._last: tuple[Any, Any] = (None, None)

    @override
    def get_connection_with_tls_context(self, request: Any, *args: Any, **options: Any) -> Any:
        # requests takes the URL to pieces and looks for the file of certificates, for each request anew.
        wanted = request.url.split("/", 3)[:3], args, options
        last, pool = self._last
        if wanted != last:
            pool = super().get_connection_with_tls_context(request, *args, **options)
            self._last = wanted, pool
        return pool

    @override
    def close(self) -> None:
        self._last = (None, None)
        super().close()

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
