# SPDX-License-Identifier: AGPL-3.0-only
"""
People, courses and columns told apart: the fast tests of these, on MariaDB with old collations.

Each run is a process of its own, with a test database of that character set; the identity columns are what the
migrations make of them. Both run at once, for a process takes longest to begin: people and characters on the character
set that holds the least, pairs of names and the rest on the collation that equates the most. The tests of columns make
a third one of either (`tests.core.test_collations`).
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.services.databases import ROOT, on_mariadb
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "utf8mb3_general_ci": (
        "tests/core/test_people.py",
        "tests/core/test_collations.py",
        "tests/api/test_unstorable_text.py",
    ),
    "utf8mb4_unicode_ci": (
        "tests/core/test_people_properties.py",
        "tests/core/test_collations.py",
        "tests/api/test_sso_pipeline.py",
        "tests/api/test_instances.py",
    ),
}


@pytest.fixture(scope="module")
def runs(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, "_Run"]]:
    """The run of each collation, under way."""
    directory = tmp_path_factory.mktemp("collations")
    started = {collation: _Run(collation, mariadb, directory / collation) for collation in TESTS}
    yield started
    for run in started.values():
        run.process.kill()  # where it has ended, nothing happens
        run.process.wait()


class _Run:
    """A run of pytest on a database with one collation, and the file into which it writes."""

    def __init__(self, collation: str, server: MariaDB, log: Path) -> None:
        self._log = log
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            **on_mariadb(server, f"identity_{collation}").environment,
            "EXAMS_TEST_CHARSET": collation.partition("_")[0],
            "EXAMS_TEST_COLLATION": collation,
        }
        command = [sys.executable, "-m", "pytest", "--ds", "tests.services.settings", "-q", "-x", "-n", "0"]
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, "-p", "no:cacheprovider", *TESTS[collation]],
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def result(self) -> tuple[int, str]:
        """Return the exit code and the output of pytest."""
        return self.process.wait(), self._log.read_text(errors="replace")


@pytest.mark.parametrize("collation", TESTS)
def test_identity_is_exact_whatever_the_database_collates(collation: str, runs: Mapping[str, _Run]) -> None:
    code, said = runs[collation].result()
    assert code == 0, said[-7000:]
    assert " passed" in said
