# SPDX-License-Identifier: AGPL-3.0-only
"""An attempt whose time is over is submitted though what was asked for is refused: the fast tests of it, on MariaDB."""

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.services.databases import ROOT, Isolation, on_mariadb
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

TESTS: Final = (
    "tests/core/test_act_on.py",
    "tests/core/test_admin_attempts.py::test_a_status_chosen_too_late_leaves_the_submission",
    "tests/core/test_admin_attempts.py::test_one_that_is_over_is_submitted_though_the_reset_is_of_who_may_only_delete",
    "tests/api/test_attempts.py::test_an_attempt_whose_time_is_over_is_submitted_before_the_action_is_judged",
    "tests/api/test_attempts.py::test_an_attempt_whose_time_is_over_is_submitted_before_it_is_begun_again",
)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_what_is_refused_leaves_the_submission(isolation: Isolation, mariadb: MariaDB) -> None:
    database = on_mariadb(mariadb, "refusals", isolation)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "--ds", "tests.services.settings", "--reuse-db", "-q", "-n", "0"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *TESTS],
        cwd=ROOT,
        env={**environment, **database.environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
