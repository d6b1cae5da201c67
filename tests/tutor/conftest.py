# SPDX-License-Identifier: AGPL-3.0-only
"""Sites that Tutor renders with our plugin: each release, and configurations that differ in what the templates ask."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.tutor.tutors import ENVIRONMENTS, REPOSITORY, Site, save

CONFIGURATIONS: Final[dict[str, dict[str, Any]]] = {
    "as it comes": {"PLUGINS": ["mfe", "edx-exams"]},
    "servers elsewhere": {
        "PLUGINS": ["edx-exams"],
        "ENABLE_HTTPS": True,
        "LMS_HOST": "courses.example.org",
        "RUN_MYSQL": False,
        "MYSQL_HOST": "db.example.org",
        "RUN_REDIS": False,
        "REDIS_HOST": "redis.example.org",
        "REDIS_PASSWORD": "slash/and@colon:",
        "SMTP_PASSWORD": "it's",
        "PLATFORM_NAME": "L'école libre",
        "EDX_EXAMS_EXTRA_PIP_REQUIREMENTS": ["a-package==1.0"],
        "EDX_EXAMS_INSTRUCTOR_DASHBOARD": False,
    },
}


#: Each release with each configuration would show nothing more.
SITES: Final = (("21", "servers elsewhere"), ("22", "as it comes"), ("22", "servers elsewhere"))


def install(release: str, plugin_wheel: Path) -> None:
    """Install our plugin beside a release of Tutor, which has an environment of its own."""
    python = ENVIRONMENTS / release / "bin" / "python"
    if not python.exists():
        pytest.fail(f"Tutor {release} is not installed: run `make test-tutor`.", pytrace=False)
    uv = REPOSITORY / ".venv" / "bin" / "uv"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--reinstall", plugin_wheel], check=True
    )


@pytest.fixture(scope="session")
def plugin_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin, built."""
    return build_wheel(REPOSITORY / "tutor-contrib-edx-exams", tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="session", params=SITES, ids=" ".join)
def site(request: pytest.FixtureRequest, plugin_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The files that a release renders for one configuration."""
    release, configuration = request.param
    install(release, plugin_wheel)
    return save(release, tmp_path_factory.mktemp("tutor") / "root", CONFIGURATIONS[configuration])


def build_wheel(project: Path, directory: Path) -> Path:
    """Build a project's wheel as `pip wheel` does."""
    uv = REPOSITORY / ".venv" / "bin" / "uv"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", directory, project], check=True)
    [wheel] = directory.glob("*.whl")
    return wheel
