# SPDX-License-Identifier: AGPL-3.0-only
from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.sandbox import RunningSandbox

pytestmark = pytest.mark.e2e


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stopping_ends_all_processes_and_a_second_start_keeps_keys_and_data(tmp_path: Path) -> None:
    kept: dict[Path, bytes] = {}
    for how, added in ((signal.SIGINT, "15 added"), (signal.SIGTERM, "0 added")):
        running = RunningSandbox(var=tmp_path).start().wait_until_ready()
        children = running.children()
        assert len(children) == 5
        assert running.stop(how) == 0
        assert not any(is_alive(pid) for pid in children)
        assert "Traceback" not in running.text
        assert f"15 rows: {added}" in running.text
        keys = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
        assert kept in ({}, keys)
        kept = keys


def test_the_death_of_one_process_is_told_and_ends_the_others(tmp_path: Path) -> None:
    running = RunningSandbox(var=tmp_path).start().wait_until_ready()
    victim, *others = running.children()
    os.kill(victim, signal.SIGKILL)
    assert running.end() == 1
    assert "'exams' ended unexpectedly (exit code -9)" in running.text
    assert not any(is_alive(pid) for pid in others)


@pytest.mark.parametrize("server", ["exams", "lms", "tool"])
def test_a_taken_port_is_one_clear_line(server: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        starting = RunningSandbox(var=tmp_path)
        setattr(starting, f"{server}_port", port)
        assert starting.start().end() == 1
    variable = {"exams": "EXAMS_PORT", "lms": "SANDBOX_LMS_PORT", "tool": "SANDBOX_TOOL_PORT"}[server]
    advice = f"end that one, or set {variable} to a free port."
    assert starting.text == f"Cannot start the sandbox: port {port} is taken by another program; {advice}\n"


def test_a_database_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "edx_exams.sqlite3").mkdir()
    starting = RunningSandbox(var=tmp_path).start()
    assert starting.end() == 1
    assert starting.text.count("\n") == 1
    assert f"the database {tmp_path}/edx_exams.sqlite3 is not writable" in starting.text


def test_a_place_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    starting = RunningSandbox(var=tmp_path / "file" / "var").start()
    assert starting.end() == 1
    assert starting.text == (
        f"Cannot start the sandbox: the directory {tmp_path}/file/var cannot be made: Not a directory.\n"
    )


def test_a_port_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    starting = RunningSandbox(var=tmp_path, exams_port=99999).start()
    assert starting.end() == 1
    assert starting.text.startswith("Cannot start the sandbox: EXAMS_PORT is '99999'")
    assert starting.text.count("\n") == 1
