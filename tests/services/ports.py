# SPDX-License-Identifier: AGPL-3.0-only
"""TCP ports of the loopback interface."""

import socket
from typing import Final

HOST: Final = "127.0.0.1"


class PortTaken(Exception):
    """Another program listens on a server's port: whoever connects would speak to that one."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Check whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def need_free(server: str, *ports: int) -> None:
    """
    Refuse to start a server beside a stranger on its port.

    :param server: its name, for the refusal
    :raises PortTaken: somebody listens on one of the ports
    """
    for port in filter(accepts, ports):
        raise PortTaken(
            f"{server} cannot start: another program listens on port {port} of {HOST}. End it, then try again."
        )
