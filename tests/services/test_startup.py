# SPDX-License-Identifier: AGPL-3.0-only
"""Processes that cannot start, or cannot work: they end or say so in one line that names the setting and the cause."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests import tokens
from tests.services.databases import ROOT
from tests.services.mariadb import USER, MariaDB
from tests.services.ports import HOST, free_port

pytestmark = pytest.mark.services

OWN: Final = "b7Qm-3zKx9vR2tLwYp8sHn4dGf6jCa1e"
PASSWORD: Final = "a-wrong-password-of-the-database"


@pytest.fixture(scope="module")
def signing_key() -> dict[str, Any]:
    key: dict[str, Any] = RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True
    )
    return key


@pytest.fixture
def deployment(mariadb: MariaDB, signing_key: dict[str, Any]) -> dict[str, Any]:
    """A complete YAML file, but for the password of the database, which is wrong."""
    return {
        "SECRET_KEY": OWN,
        "SOCIAL_AUTH_EDX_OAUTH2_SECRET": OWN,
        "BACKEND_SERVICE_EDX_OAUTH2_SECRET": OWN,
        "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "TOKEN_SIGNING": {"JWT_PRIVATE_SIGNING_JWK": json.dumps(signing_key)},
        "JWT_AUTH": {"JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set(), "JWT_SECRET_KEY": OWN},
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.mysql",
                "NAME": "exams",
                "USER": USER,
                "PASSWORD": PASSWORD,
                "HOST": HOST,
                "PORT": str(mariadb.port),
            }
        },
    }


def run(file: Mapping[str, Any], directory: Path, *command: str) -> tuple[int, str]:
    """Run a program with this configuration file; its exit code, and all that it said."""
    path = directory / "edx_exams.yml"
    path.write_text(yaml.safe_dump(dict(file)))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DB_"))}
    ended = subprocess.run(
        [sys.executable, *command],
        env={**inherited, "DJANGO_SETTINGS_MODULE": "edx_exams.settings.production", "EDX_EXAMS_CFG": str(path)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"SECRET_KEY": "…"},
        {"TOKEN_SIGNING": {"JWT_PRIVATE_SIGNING_JWK": "{}"}},
        {"LOGGING_FORMAT": "jsno"},
        {"LTI_MAX_PAUSE_MINUTES": "240"},
    ],
)
def test_gunicorns_master_ends_instead_of_starting_workers_for_ever(
    wrong: dict[str, Any], deployment: dict[str, Any], signing_key: dict[str, Any], tmp_path: Path
) -> None:
    gunicorn = ("-m", "gunicorn", "--bind", f"{HOST}:{free_port()}", "--workers", "2", "edx_exams.wsgi")
    code, said = run({**deployment, **wrong}, tmp_path, *gunicorn)
    assert code in {1, 3}, said  # 1 where two workers fail in the same instant: gunicorn trips over the second
    (setting,) = wrong
    assert setting in said
    assert not [secret for secret in (OWN, PASSWORD, signing_key["d"][:30], signing_key["p"][:30]) if secret in said]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("manage.py", "migrate"), "edx-exams: DATABASES: there is no connection to the database: Access denied"),
        (
            ("manage.py", "submit_timed_out_attempts"),
            "DATABASES: there is no connection to the database: Access denied",
        ),
    ],
)
def test_a_wrong_password_of_the_database_is_one_line_with_its_code(
    command: tuple[str, ...], line: str, deployment: dict[str, Any], tmp_path: Path
) -> None:
    code, said = run(deployment, tmp_path, *command)
    assert code == 1
    assert line in said
    assert "(1045)" in said
    assert "Traceback" not in said
    assert PASSWORD not in said


REQUESTS: Final = """
import sys, django; django.setup()
from django.test import Client
for _ in range(20):
    answer = Client().get("/api/v1/exams/course_id/course-v1:A+B+C", headers={"Authorization": "JWT " + sys.argv[1]})
print("answered", answer.status_code)
"""


def test_a_database_that_refuses_the_service_at_work_is_one_line_a_minute(
    deployment: dict[str, Any], tmp_path: Path
) -> None:
    issuer = {"ISSUER": tokens.ISSUER, "AUDIENCE": tokens.AUDIENCE, "SECRET_KEY": OWN}
    file = {**deployment, "JWT_AUTH": {**deployment["JWT_AUTH"], "JWT_ISSUERS": [issuer]}}
    code, said = run(file, tmp_path, "-c", REQUESTS, tokens.Person("ada", lms_user_id=7).token("RS512"))
    assert code == 0, said
    assert "answered 503" in said
    assert said.count("Access denied for user") == 1
    assert PASSWORD not in said
