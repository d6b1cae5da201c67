# SPDX-License-Identifier: AGPL-3.0-only
"""A MariaDB of a benchmark's own, on this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services.databases import Database, on_mariadb
from tests.services.mariadb import MariaDB

_NAME: Final = "benchmark"


@contextmanager
def migrated_mariadb() -> Iterator[tuple[Database, Path]]:
    """The service's database on a new server that is ended afterwards, and a directory that goes with it."""
    with tempfile.TemporaryDirectory() as directory:
        server = MariaDB(Path(directory))
        server.start()
        try:
            server.create_database(_NAME)
            database = on_mariadb(server, _NAME)
            database.migrate()
            yield database, Path(directory)
        finally:
            server.stop()
