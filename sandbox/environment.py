"""Where the sandbox's two servers live and keep their files: read from the environment once, by every process of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

CHECKOUT: Final = Path(__file__).resolve().parent.parent

# The audience and issuer that the service's local settings expect of the LMS's tokens. They are names, not addresses:
# they stay as they are when the sandbox LMS listens on another port.
JWT_AUDIENCE: Final = "lms-key"
JWT_ISSUER: Final = "http://localhost:18000/oauth2"


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
    :param var: directory of all that is made at run time, ``SANDBOX_VAR_DIR``
    :param database: the exam service's SQLite file, ``EXAMS_SQLITE_PATH``
    """

    exams_port: int
    lms_port: int
    var: Path
    database: Path

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """
        Read the variables above, each with its default.

        :raises BadEnvironment: a port is no port, or both servers have the same
        """
        exams_port = _port(environ, "EXAMS_PORT", 18740)
        lms_port = _port(environ, "SANDBOX_LMS_PORT", 18000)
        if exams_port == lms_port:
            raise BadEnvironment(f"EXAMS_PORT and SANDBOX_LMS_PORT are both {lms_port}; two servers need two ports.")
        var = Path(environ.get("SANDBOX_VAR_DIR") or CHECKOUT / "var").absolute()
        database = Path(environ.get("EXAMS_SQLITE_PATH") or var / "edx_exams.sqlite3").absolute()
        return cls(exams_port=exams_port, lms_port=lms_port, var=var, database=database)

    @property
    def exams_url(self) -> str:
        """Origin of the exam service."""
        return f"http://localhost:{self.exams_port}"

    @property
    def lms_url(self) -> str:
        """Origin of the stand-in LMS, which is the MFEs' and Studio's too."""
        return f"http://localhost:{self.lms_port}"

    @property
    def keys(self) -> Path:
        """Directory of both servers' signing keys."""
        return self.var / "keys"


@cache
def this_sandbox() -> Environment:
    """
    The sandbox that the running process belongs to.

    :raises BadEnvironment: see :meth:`Environment.read`
    """
    return Environment.read()
