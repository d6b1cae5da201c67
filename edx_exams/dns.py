# SPDX-License-Identifier: AGPL-3.0-only
"""Look-up of host names with a time-out: the operating system's own function has none."""

import socket
import threading
from concurrent.futures import Future
from typing import Final

from urllib3.util.connection import allowed_gai_family

type _Server = tuple[str, int]

_lock: Final = threading.Lock()
#: Look-ups under way. Who asks for the same name waits with the others: a silent name server holds one thread.
_under_way: Final[dict[_Server, Future[list[_Server]]]] = {}


def addresses_of(host: str, port: int, seconds: float) -> list[_Server]:
    """
    The addresses under which a server can be reached, at least one, with its port.

    :raises TimeoutError: they were not to be had in so many seconds
    :raises socket.gaierror: it has none
    """
    server = host.strip("[]"), port
    with _lock:
        answer = _under_way.get(server)
        if answer is None:
            answer = Future()
            threading.Thread(target=_look_up, args=(server, answer), daemon=True).start()
            _under_way[server] = answer
    return list(answer.result(seconds))


def _look_up(server: _Server, answer: Future[list[_Server]]) -> None:
    try:
        found = socket.getaddrinfo(*server, allowed_gai_family(), socket.SOCK_STREAM)
        outcome: list[_Server] | Exception = [(str(address[0]), int(address[1])) for *_, address in found]
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        outcome = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "no name")
    with _lock:
        del _under_way[server]
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
