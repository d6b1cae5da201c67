# SPDX-License-Identifier: AGPL-3.0-only
"""The day edx-proctoring is gone: the how-to's commands leave a service and tests that know nothing of the router."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import commands
from tests.docs.machine import copy_checkout

pytestmark = pytest.mark.docs

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "how-tos" / "move-from-edx-proctoring.rst"
SECTION: Final = "The day edx-proctoring is gone"
#: Tests that need no other service, as `make test` has them.
OTHERS: Final = [f"--ignore=tests/{name}" for name in ("services", "e2e", "mfe", "tutor", "deployment", "docs")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of its own with the files of this one."""
    copy_checkout(tmp_path)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def run(command: list[str], checkout: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "DJANGO_SETTINGS_MODULE": "edx_exams.settings.test"}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_service_goes_on_without_its_router(checkout: Path) -> None:
    (block,) = commands(PAGE, SECTION)
    removal, _, checks = block.text.rpartition("make ")
    assert checks.split() == ["migrations_check", "imports", "test"]
    # Staged files that were not committed are not removed without force.
    run(["bash", "-ec", removal.replace("git rm -r", "git rm -r --force")], checkout)
    assert not (checkout / "edx_exams" / "apps" / "router").exists()
    run([sys.executable, "manage.py", "check"], checkout)
    run([sys.executable, "manage.py", "makemigrations", "--check"], checkout)
    collected = run(
        [sys.executable, "-m", "pytest", "tests", "--collect-only", "-q", "-p", "no:cacheprovider", *OTHERS], checkout
    )
    assert "tests/core/test_checks.py" in collected
    assert "router" not in collected
