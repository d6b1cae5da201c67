# SPDX-License-Identifier: AGPL-3.0-only
"""An older exam system that answers at once, keeps connections open, and takes next to no CPU: nginx (Debian)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services.ports import HOST, accepts
from tests.services.proxies import nginx_with, running
from tests.services.waiting import wait_until

MISSING: Final = "nginx is not installed: apt-get install nginx"

#: It knows two things: access tokens, and that nobody has an active attempt.
_HTTP: Final = """
keepalive_requests 100000000; default_type application/json;
server {{
  listen {host}:{port};
  location = /oauth2/access_token {{
    return 200 '{{"access_token": "benchmark", "expires_in": 36000, "token_type": "JWT"}}';
  }}
  location / {{ return 200 '{{}}'; }}
}}
"""


@contextmanager
def older_system(directory: Path, port: int) -> Iterator[None]:
    """
    Serve on loopback while a ``with`` block lasts.

    :param directory: for its files; made here
    :raises SystemExit: nginx is not installed
    """
    if shutil.which("nginx") is None:
        raise SystemExit(MISSING)
    directory.mkdir()
    command = nginx_with(directory, _HTTP.format(host=HOST, port=port))
    with running(command, os.environ, directory / "log"):
        wait_until(lambda: accepts(port), "the older system answers")
        yield
