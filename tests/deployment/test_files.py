# SPDX-License-Identifier: AGPL-3.0-only
"""Dockerfile, compose file, scripts, and the settings' example."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deployment.example import EXAMPLE, example, filled_in

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BIN: Final = REPOSITORY / ".venv" / "bin"
SCRIPTS: Final = ("provision-edx-exams.sh", "local-provision-edx-exams.sh", "scripts/provision-lms")


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        ["shellcheck", "--external-sources", *SCRIPTS, "scripts/bootstrap", "scripts/system-packages"],
    ],
    ids=lambda command: command[0],
)
def test_linters_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    return dict(yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text()))


def test_containers_have_the_names_that_devstack_knows(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {name: service["container_name"] for name, service in services.items()} == {
        **{name: f"edx_exams.{name}" for name in ("app", "db", "memcache", "redis", "relay", "sweep", "consumer")},
        "kafka": "edx.devstack.kafka",
        "schema-registry": "edx.devstack.schema-registry",
    }
    assert services["app"]["ports"] == ["18740:18740"]
    assert services["app"]["environment"]["DJANGO_SETTINGS_MODULE"] == "edx_exams.settings.devstack"
    assert services["app"]["volumes"] == [".:/edx/app/edx-exams/"]
    assert services["db"]["volumes"] == ["edx_exams_mysql:/var/lib/mysql"]
    assert [name for name, service in services.items() if "profiles" in service] == ["kafka", "schema-registry"]
    assert compose["networks"]["devstack_default"]["external"]


def provisioned(script: str, tmp_path: Path) -> list[str]:
    """Run a script with stand-ins for docker and Python that write down how they are called."""
    log = tmp_path / "calls"
    for name in ("docker", "python3"):
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "%s %s\\n" {name} "$*" >>{log}\n')
        (tmp_path / name).chmod(0o755)
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    for file in SCRIPTS:
        (checkout / file).symlink_to(REPOSITORY / file)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    # The link's own directory is the checkout, as after `git clone`.
    subprocess.run(["sh", checkout / script], env=environment, check=True, capture_output=True)
    return " ".join(log.read_text().split()).replace(" docker ", "\ndocker ").splitlines()


def test_provisioning_makes_everything_in_its_order(tmp_path: Path) -> None:
    calls = provisioned("provision-edx-exams.sh", tmp_path)
    steps = [
        "compose up",
        "SELECT 1",
        "CREATE DATABASE",
        "manage.py migrate",
        "create_superuser('edx', 'edx@example.com', 'edx')",
        "manage_user edx_exams_worker edx_exams_worker@example.com --staff --superuser",
        "--scopes user_id edx_exams-sso edx_exams_worker",
        "--scopes user_id edx_exams-backend-service edx_exams_worker",
        "compose restart",
    ]
    assert [[step for step in steps if step in call] for call in calls] == [[step] for step in steps]


def test_a_service_on_the_host_is_made_known_to_the_lms(tmp_path: Path) -> None:
    calls = provisioned("local-provision-edx-exams.sh", tmp_path)
    assert "create_superuser" in calls[0]
    assert calls[0].startswith("python3 manage.py shell")
    assert [call for call in calls[1:] if "edx.devstack.lms" not in call] == []
    assert len(calls) == 1 + 3


def started(settings: dict[str, Any], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Start the service as WSGI servers do, and end it."""
    path = tmp_path / "edx_exams.yml"
    path.write_text(yaml.safe_dump(settings))
    return subprocess.run(
        [sys.executable, "-c", "from edx_exams.wsgi import application"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "edx_exams.settings.production", "EDX_EXAMS_CFG": str(path)},
        cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip


def test_the_example_starts_once_it_is_filled_in(tmp_path: Path) -> None:
    done = started(filled_in(example()), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_placeholder_of_the_example_keeps_the_service_from_starting(tmp_path: Path) -> None:
    done = started(example(), tmp_path)
    assert done.returncode != 0
    for name in (
        "SECRET_KEY",
        "SOCIAL_AUTH_EDX_OAUTH2_SECRET",
        "BACKEND_SERVICE_EDX_OAUTH2_SECRET",
        "JWT_SECRET_KEY",
        "JWT_PUBLIC_SIGNING_JWK_SET",
        "JWT_PRIVATE_SIGNING_JWK",
    ):
        assert name in done.stdout + done.stderr


def test_each_setting_of_the_example_is_known() -> None:
    """To the settings' reference, or to Django."""
    from django.conf import global_settings  # noqa: PLC0415  (not needed by the others)

    reference = (REPOSITORY / "docs" / "reference" / "settings.rst").read_text()
    lines = EXAMPLE.read_text().replace("\n# EVENT_BUS", "\nEVENT_BUS")
    names = yaml.safe_load(lines.replace("EVENT_BUS_RELAY_PRODUCER: kafka", "").replace(
        "EVENT_BUS_CONSUMER: edx_event_bus_kafka.KafkaEventConsumer", ""
    ))  # fmt: skip
    assert [name for name in names if f"``{name}``" not in reference and not hasattr(global_settings, name)] == []
