# SPDX-License-Identifier: AGPL-3.0-only
"""
A schema registry of our own: Apicurio Registry, whose Confluent-compatible API is what Kafka's clients speak.

Tests get one from the fixture ``bus``, people from ``make services.up``. Wants Java 17 or newer and Maven.
"""

import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from tests.services.java import FLAGS, JavaServer, program, run
from tests.services.ports import HOST, free_port, need_free

#: Newer ones want Java 21.
VERSION: Final = "3.0.9"
_ARTIFACT: Final = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"


class Registry(JavaServer):
    """
    One registry, which keeps its schemas and their ids over a restart.

    :param port: TCP port; by default a free one
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        super().__init__(directory)
        self.port = port or free_port()

    @property
    def url(self) -> str:
        """The value of clients' ``schema.registry.url``."""
        return f"http://{HOST}:{self.port}/apis/ccompat/v7"

    def start(self) -> None:
        """
        Start the registry and wait until it is ready.

        :raises JavaMissing: Java or Maven is not installed
        :raises JavaFailed: it did not start
        :raises PortTaken: another program listens on its port
        """
        need_free("The schema registry", self.port)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.launch(
            ["java", *FLAGS, "-jar", str(_jar())],
            {
                "QUARKUS_HTTP_HOST": HOST,
                "QUARKUS_HTTP_PORT": str(self.port),
                "APICURIO_STORAGE_KIND": "sql",
                "APICURIO_STORAGE_SQL_KIND": "h2",
                "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{self.directory / 'schemas'}",
            },
            self._is_ready,
        )

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/health/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _jar() -> Path:
    """The registry's program: some 105 MB, brought the first time."""
    with program(f"apicurio-registry-{VERSION}") as (directory, is_there):
        if not is_there:
            run(["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={directory}"])
            [archive] = directory.glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(directory, filter="data")
            archive.unlink()
    return directory / f"apicurio-registry-app-{VERSION}-runner.jar"
