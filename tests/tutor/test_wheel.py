# SPDX-License-Identifier: AGPL-3.0-only
"""The wheels: all files are in them, and what they install starts."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

import edx_exams
from tests.services.ports import free_port
from tests.tutor.conftest import build_wheel
from tests.tutor.tutors import REPOSITORY, Site


@pytest.fixture(scope="module")
def service_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service, built."""
    return build_wheel(REPOSITORY, tmp_path_factory.mktemp("service"))


def tracked(directory: str, *parts: str) -> set[str]:
    """Return the files under version control in a directory, those whose path has one of the parts."""
    listed = subprocess.run(
        ["git", "ls-files", directory], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {path for path in listed if any(part in path for part in parts)}


def test_templates_translations_and_static_files_are_in_the_services_wheel(service_wheel: Path) -> None:
    packed = set(ZipFile(service_wheel).namelist())
    wanted = tracked("edx_exams", "/templates/", "/static/", "/migrations/", "/LC_MESSAGES/")
    assert len(wanted) > 20
    assert {path for path in wanted if "conf/locale/.gitkeep" not in path} <= packed
    assert not [name for name in packed if name.startswith(("tests/", "sandbox/"))]


def test_the_services_wheel_has_the_version_that_the_package_tells_and_a_command(service_wheel: Path) -> None:
    assert service_wheel.name.startswith(f"edx_exams-{edx_exams.__version__}-")
    with ZipFile(service_wheel) as packed:
        (commands,) = [packed.read(name) for name in packed.namelist() if name.endswith("entry_points.txt")]
    assert b"edx-exams = edx_exams.__main__:main" in commands


def test_templates_and_patches_are_in_the_plugins_wheel(plugin_wheel: Path) -> None:
    packed = set(ZipFile(plugin_wheel).namelist())
    wanted = tracked("tutor-contrib-edx-exams/tutoredxexams", "")
    assert {path.removeprefix("tutor-contrib-edx-exams/") for path in wanted} <= packed


def test_what_the_services_wheel_installs_starts(service_wheel: Path, site: Site, tmp_path: Path) -> None:
    """In a fresh environment, far from the source, with Tutor's settings on another database."""
    if site.release != "22" or site.https:
        pytest.skip("once is enough: the settings of each site are loaded elsewhere")
    uv, python = str(REPOSITORY / ".venv" / "bin" / "uv"), str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([uv, "venv", "--quiet", "--python", "3.12", tmp_path / "venv"], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "--require-hashes", "-r", REPOSITORY / "requirements/production.txt"], check=True)
    subprocess.run([*install, "--no-deps", service_wheel], check=True)
    config = yaml.safe_load((site.plugin / "apps" / "config" / "edx-exams.yml").read_text())
    config["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}}
    config["CACHES"]["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    (tmp_path / "edx-exams.yml").write_text(yaml.safe_dump(config))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(site.plugin / "apps" / "settings" / "tutor"),
        "DJANGO_SETTINGS_MODULE": "production",
        "EDX_EXAMS_CFG": str(tmp_path / "edx-exams.yml"),
        "WEB_CONCURRENCY": "1",
    }
    for command in (["collectstatic", "--noinput"], ["migrate", "--verbosity", "0"]):
        subprocess.run(
            [python, "-m", "django", *command], env=environment, cwd=tmp_path, check=True, capture_output=True
        )
    port = free_port()
    gunicorn = [python, "-m", "gunicorn", "-c", "python:edx_exams.docker_gunicorn_configuration"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*gunicorn, "--bind", f"127.0.0.1:{port}", "edx_exams.wsgi"],
            env=environment, cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for path in ("/health/", "/", "/static/admin/css/base.css", "/api-docs/schema/"):
            assert answered(f"http://127.0.0.1:{port}{path}") == 200, (tmp_path / "log").read_text()
    finally:
        server.terminate()
        assert server.wait(30) == 0


def answered(url: str, seconds: float = 30) -> int:
    """Return the status with which a server that is starting answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "localhost"})) as response:  # noqa: S310
                return int(response.status)
        except (ConnectionError, urllib.error.URLError):
            if time.monotonic() > until:
                return 0
            time.sleep(0.2)
