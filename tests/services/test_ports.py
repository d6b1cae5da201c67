# SPDX-License-Identifier: AGPL-3.0-only
"""People's own servers are never mixed up with a stranger's on the same port."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.services import __main__ as command
from tests.services.kafka import Kafka
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST, PortTaken
from tests.services.registry import Registry

pytestmark = pytest.mark.services


@pytest.mark.parametrize("server", [MariaDB, Kafka, Registry])
def test_a_server_refuses_to_start_beside_a_stranger(server: type[MariaDB | Kafka | Registry], tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            server(tmp_path, port).start()
    assert list(tmp_path.iterdir()) == []


def test_make_services_up_says_whose_port_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "DIRECTORY", tmp_path)
    with socket.create_server((HOST, 0)) as stranger:
        monkeypatch.setattr(command, "MARIADB_PORT", stranger.getsockname()[1])
        assert command.main(["up"]) == 1
    said = capsys.readouterr()
    assert "MariaDB cannot start: another program listens on port" in said.err
    assert "are up" not in said.out
