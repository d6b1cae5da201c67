# SPDX-License-Identifier: AGPL-3.0-only
"""The configuration that gunicorn reads in a container."""

import runpy
from pathlib import Path

import pytest

import edx_exams

CONFIGURATION = Path(edx_exams.__file__).parent / "docker_gunicorn_configuration.py"


def test_it_serves_at_the_port_that_operators_know() -> None:
    assert runpy.run_path(str(CONFIGURATION))["bind"] == "0.0.0.0:18740"


def test_the_environment_says_how_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert runpy.run_path(str(CONFIGURATION))["workers"] == 3
    monkeypatch.delenv("WEB_CONCURRENCY")
    assert runpy.run_path(str(CONFIGURATION))["workers"] >= 2
