# SPDX-License-Identifier: AGPL-3.0-only
"""Name servers that misbehave."""

import socket
import time
from typing import Any


def slow_name(name: str, seconds: float = 20.0) -> None:
    """Let this process look a name up for so long, and not find it."""
    look_up = socket.getaddrinfo

    def slowly(host: Any, *arguments: Any, **more: Any) -> Any:
        if host == name:
            time.sleep(seconds)
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return look_up(host, *arguments, **more)

    socket.getaddrinfo = slowly
