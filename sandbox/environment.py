# SPDX-License-Identifier: AGPL-3.0-only
"""Addresses and directories of the sandbox's servers: read from the environment once, by every process of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

CHECKOUT: Final = Path(__file__).resolve().parent.parent

DEFAULT_PORTS: Final = {"EXAMS_PORT": 18740, "SANDBOX_LMS_PORT": 18000, "SANDBOX_TOOL_PORT": 18010}

# The audience and issuer that the service's local settings expect of the LMS's tokens. They are names, not addresses:
# they stay as they are when the sandbox LMS listens on another port.
JWT_AUDIENCE: Final = "lms-key"
JWT_ISSUER: Final = "http://localhost:18000/oauth2"

# The account with which the exam service calls the LMS.
WORKER_KEY: Final = "exam-service"
WORKER_SECRET: Final = "exam-service-sandbox-secret"

# With which people sign on to the exam service's admin by way of the LMS.
SSO_KEY: Final = "exam-service-sso"
SSO_SECRET: Final = "exam-service-sso-sandbox-secret"


class BadEnvironment(Exception):
    """An environment variable has a value that makes no sense; the text says which and why."""


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**16:
        raise BadEnvironment(f"{name} is {value!r}; it has to be a port number between 1 and 65535.")
    return int(value)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """
    Ports and paths of one sandbox.

    :param exams_port: of the exam service, ``EXAMS_PORT``
    :param lms_port: of the stand-in LMS, ``SANDBOX_LMS_PORT``
    :param tool_port: of the proctoring tool, ``SANDBOX_TOOL_PORT``
    :param var: directory of all that is made at run time, ``SANDBOX_VAR_DIR``
    :param database: the exam service's SQLite file, ``EXAMS_SQLITE_PATH``
    :param learning_mfe_url: where exams are taken if not in the stand-in LMS's own pages, ``SANDBOX_LEARNING_MFE_URL``
    """

    exams_port: int
    lms_port: int
    tool_port: int
    var: Path
    database: Path
    learning_mfe_url: str | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """
        Read the variables above, each with its default.

        :raises BadEnvironment: a port is no port, or two servers have the same
        """
        ports = {name: _port(environ, name, default) for name, default in DEFAULT_PORTS.items()}
        for one, other in combinations(ports, 2):
            if ports[one] == ports[other]:
                raise BadEnvironment(f"{one} and {other} are both {ports[one]}; two servers need two ports.")
        var = Path(environ.get("SANDBOX_VAR_DIR") or CHECKOUT / "var").absolute()
        database = Path(environ.get("EXAMS_SQLITE_PATH") or var / "edx_exams.sqlite3").absolute()
        exams_port, lms_port, tool_port = ports.values()
        return cls(
            exams_port=exams_port,
            lms_port=lms_port,
            tool_port=tool_port,
            var=var,
            database=database,
            learning_mfe_url=environ.get("SANDBOX_LEARNING_MFE_URL") or None,
        )

    @property
    def ports(self) -> dict[str, int]:
        """All ports by the name of their variable."""
        return dict(zip(DEFAULT_PORTS, (self.exams_port, self.lms_port, self.tool_port), strict=True))

    @property
    def exams_url(self) -> str:
        """Origin of the exam service."""
        return f"http://localhost:{self.exams_port}"

    @property
    def lms_url(self) -> str:
        """Origin of the stand-in LMS, which is the MFEs' and Studio's too."""
        return f"http://localhost:{self.lms_port}"

    @property
    def tool_url(self) -> str:
        """Origin of the proctoring tool."""
        return f"http://localhost:{self.tool_port}"

    @property
    def learning_url(self) -> str:
        """Base URL of the learning interface, without a slash at its end."""
        return (self.learning_mfe_url or f"{self.lms_url}/learning").rstrip("/")

    @property
    def learning_origin(self) -> str:
        """Origin of the learning interface."""
        scheme, host, *_ = urlsplit(self.learning_url)
        return f"{scheme}://{host}"

    @property
    def keys(self) -> Path:
        """Directory of all servers' signing keys."""
        return self.var / "keys"

    @property
    def tool_files(self) -> Path:
        """Directory of the proctoring tool's sittings and sessions."""
        return self.var / "tool"


@cache
def this_sandbox() -> Environment:
    """
    The sandbox that the running process belongs to.

    :raises BadEnvironment: see :meth:`Environment.read`
    """
    return Environment.read()
