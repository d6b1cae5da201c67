"""
People, courses and columns told apart: the fast tests of these, on MariaDB with old collations.

Each run is a process of its own, with a test database of that character set; the identity columns are what the
migrations make of them.
"""

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.services.databases import ROOT, on_mariadb
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

MODULES: Final = (
    "tests/core/test_people.py",
    "tests/core/test_people_properties.py",
    "tests/core/test_collations.py",
    "tests/api/test_unstorable_text.py",
    "tests/api/test_sso_people.py",
    "tests/api/test_instances.py",
)


@pytest.mark.parametrize("collation", ["utf8mb3_general_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci"])
def test_identity_is_exact_whatever_the_database_collates(collation: str, mariadb: MariaDB) -> None:
    database = on_mariadb(mariadb, f"identity_{collation}")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        **database.environment,
        "EXAMS_TEST_CHARSET": collation.partition("_")[0],
        "EXAMS_TEST_COLLATION": collation,
    }
    command = [sys.executable, "-m", "pytest", "--ds", "tests.services.settings", "-q", "-x", "-n", "0"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *MODULES], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
