# SPDX-License-Identifier: AGPL-3.0-only
"""
The servers that people use between test runs: MariaDB, Kafka and a schema registry, on loopback, under ``var/``.

``make services.up`` starts them, ``make services.down`` ends them; what they keep is there the next time.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.services.java import JavaFailed, JavaMissing
from tests.services.kafka import Kafka
from tests.services.mariadb import MariaDB, MariaDBFailed, MariaDBMissing
from tests.services.ports import PortTaken
from tests.services.registry import Registry

DIRECTORY: Final = Path(__file__).resolve().parents[2] / "var"
MARIADB_PORT: Final = 13306
KAFKA_PORT: Final = 19092
REGISTRY_PORT: Final = 18081
DATABASE: Final = "exams"

_HELLO: Final = """
MariaDB, Kafka and the schema registry are up. This runs the service on them, each line in a terminal of its own:

export DJANGO_SETTINGS_MODULE=tests.services.settings EXAMS_TEST_ENGINE=mysql EXAMS_TEST_NAME={database} \\
    EXAMS_TEST_PORT={mariadb} EXAMS_TEST_KAFKA={kafka} \\
    EXAMS_TEST_REGISTRY={registry}
.venv/bin/python manage.py migrate && .venv/bin/python manage.py runserver 18740
.venv/bin/python manage.py relay_events
.venv/bin/python manage.py consume_events -t learning-course-access-role-lifecycle -g exams

make services.down ends them and keeps what is in them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Start or end the servers; those that run already, or don't, stay as they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("action", choices=["up", "down"])
    given = parser.parse_args(arguments)
    mariadb = MariaDB(DIRECTORY / "mariadb", MARIADB_PORT)
    kafka = Kafka(DIRECTORY / "kafka", KAFKA_PORT)
    registry = Registry(DIRECTORY / "registry", REGISTRY_PORT)
    try:
        for server in (mariadb, kafka, registry):
            if given.action == "down":
                server.stop()
            elif not server.is_running:
                server.start()
        if given.action == "up":
            mariadb.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    except (MariaDBMissing, MariaDBFailed, JavaMissing, JavaFailed, PortTaken) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if given.action == "up":
        kafka_address, registry_url = kafka.address, registry.url
        hello = _HELLO.format(database=DATABASE, mariadb=mariadb.port, kafka=kafka_address, registry=registry_url)
    else:
        hello = "MariaDB, Kafka and the schema registry are down.\n"
    sys.stdout.write(hello)
    return 0


if __name__ == "__main__":
    sys.exit(main())
