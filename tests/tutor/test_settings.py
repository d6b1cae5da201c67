# SPDX-License-Identifier: AGPL-3.0-only
"""The settings that Tutor renders: ours load, pass our checks, and agree with those of the LMS and Studio."""

import builtins
import json
import os
import subprocess
import sys
from collections import UserDict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest.mock import MagicMock

import jwt
import pytest

from tests.tutor.tutors import REPOSITORY, Site

_SHOWN: Final = (
    "ROOT_URL",
    "LMS_ROOT_URL",
    "LTI_API_BASE",
    "ALLOWED_HOSTS",
    "CORS_ORIGIN_WHITELIST",
    "EVENT_BUS_PRODUCER",
    "EVENT_BUS_RELAY_PRODUCER",
    "EVENT_BUS_REDIS_CONNECTION_URL",
    "EVENT_BUS_TOPIC_PREFIX",
    "JWT_AUTH",
    "TOKEN_SIGNING",
    "DATABASES",
    "CACHES",
    "EMAIL_HOST_PASSWORD",
    "PLATFORM_NAME",
    "SECURE_PROXY_SSL_HEADER",
    "DEBUG",
)
_SHOW: Final = f"""
import json, django
from django.conf import settings
django.setup()
from edx_exams.wsgi import application
print(json.dumps({{name: getattr(settings, name, None) for name in {_SHOWN!r}}}, default=str))
"""


@pytest.fixture(params=["production", "development"])
def module(request: pytest.FixtureRequest) -> str:
    """One of the two settings modules."""
    return str(request.param)


@cache
def loaded(site: Site, module: str) -> dict[str, Any]:
    """Start the service with the rendered settings, in our environment, and return what they became."""
    directory = site.plugin / "apps" / "settings" / "tutor"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(directory), str(REPOSITORY)]),
        "DJANGO_SETTINGS_MODULE": module,
        "EDX_EXAMS_CFG": str(site.plugin / "apps" / "config" / "edx-exams.yml"),
    }
    done = subprocess.run([sys.executable, "-c", _SHOW], env=environment, capture_output=True, text=True, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_service_starts_with_them(site: Site, module: str) -> None:
    settings = loaded(site, module)
    host = "exams.courses.example.org" if site.https else "exams.local.openedx.io"
    scheme = "https" if site.https and module == "production" else "http"
    port = "" if module == "production" else ":18740"
    assert settings["ROOT_URL"] == settings["LTI_API_BASE"] == f"{scheme}://{host}{port}"
    assert settings["TOKEN_SIGNING"]["JWT_ISSUER"] == settings["ROOT_URL"]
    assert {host, host.removeprefix("exams.")} <= set(settings["ALLOWED_HOSTS"])
    assert settings["EVENT_BUS_PRODUCER"] == "edx_exams.apps.events.producer.OutboxProducer"
    assert settings["EVENT_BUS_RELAY_PRODUCER"] == "redis"
    assert settings["DATABASES"]["default"]["PASSWORD"] == site.configuration["EDX_EXAMS_MYSQL_PASSWORD"]
    assert bool(settings["SECURE_PROXY_SSL_HEADER"]) == (site.https and module == "production")
    assert bool(settings["CORS_ORIGIN_WHITELIST"]) == site.has_mfes
    assert settings["DEBUG"] == (module == "development")


def test_values_arrive_as_they_were_typed(site: Site) -> None:
    settings = loaded(site, "production")
    if not site.https:
        assert settings["EVENT_BUS_REDIS_CONNECTION_URL"] == "redis://@redis:6379/"
        return
    assert settings["PLATFORM_NAME"] == "L'école libre"
    assert settings["EMAIL_HOST_PASSWORD"] == "it's"
    assert settings["EVENT_BUS_REDIS_CONNECTION_URL"] == "redis://:slash%2Fand%40colon%3A@redis.example.org:6379/"
    assert settings["CACHES"]["default"]["LOCATION"] == "redis://:slash%2Fand%40colon%3A@redis.example.org:6379/1"


class PlatformNames(UserDict[str, Any]):
    """Names of a settings module of the LMS or Studio: what nobody defines stands for something of the platform."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        self[name] = MagicMock(name=name)
        return self[name]


def platform_settings(site: Site, service: str, module: str, monkeypatch: pytest.MonkeyPatch) -> PlatformNames:
    """Run a rendered settings module of the platform, which is not here itself; what we change is as it comes there."""
    for name in (
        *(".".join(parts) for parts in _parents(f"{service}.envs.production")),
        *(".".join(parts) for parts in _parents(f"{service}.envs.devstack")),
        *(".".join(parts) for parts in _parents("xmodule.modulestore.modulestore_settings")),
        *(".".join(parts) for parts in _parents("codejail.jail_code")),
    ):
        fake = sys.modules.get(name) if "codejail" not in name else None
        fake = fake or ModuleType(name)
        fake.__all__ = []  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, fake)
    sys.modules["xmodule.modulestore.modulestore_settings"].update_module_store_settings = MagicMock()  # type: ignore[attr-defined]
    sys.modules["codejail"].jail_code = MagicMock()  # type: ignore[attr-defined]
    names = PlatformNames(
        FEATURES={},
        PROCTORING_BACKENDS={"DEFAULT": "null", "null": {}},
        EVENT_BUS_PRODUCER_CONFIG={
            "org.openedx.learning.user.course_access_role.added.v1": {
                "learning-course-access-role-lifecycle": {
                    "event_key_field": "course_access_role_data.course_key",
                    "enabled": False,
                }
            }
        },
        TOKEN_SIGNING={"JWT_PUBLIC_SIGNING_JWK_SET": None},
        IDA_LOGOUT_URI_LIST=[],
        JWT_AUTH={},
        STATIC_ROOT="/tmp",  # noqa: S108
        LOG_DIR="/tmp",  # noqa: S108
        LMS_ROOT_URL="http://lms",
    )
    path = site.environment / "apps" / "openedx" / "settings" / service / f"{module}.py"
    source = path.read_text().replace("os.makedirs(folder, exist_ok=True)", "pass")
    exec(compile(source, path, "exec"), {}, names)  # noqa: S102  (it is what the platform does with it)
    return names


def _parents(name: str) -> list[list[str]]:
    parts = name.split(".")
    return [parts[: end + 1] for end in range(len(parts))]


@pytest.mark.parametrize("service", ["lms", "cms"])
def test_the_platform_sends_exams_to_us(site: Site, module: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = platform_settings(site, service, module, monkeypatch)
    assert platform["EXAMS_SERVICE_URL"] == "http://edx-exams:18740/api/v1"
    assert platform["EXAMS_SERVICE_USERNAME"] == "edx_exams_worker"
    for name in ("ENABLE_SPECIAL_EXAMS", "ENABLE_PROCTORED_EXAMS"):
        assert platform[name] is platform["FEATURES"][name] is True
    assert platform["PROCTORING_BACKENDS"]["lti_external"] == {}
    for change in ("added", "removed"):
        topics = platform["EVENT_BUS_PRODUCER_CONFIG"][f"org.openedx.learning.user.course_access_role.{change}.v1"]
        assert topics == {
            "learning-course-access-role-lifecycle": {
                "event_key_field": "course_access_role_data.course_key",
                "enabled": True,
            }
        }
    ours = loaded(site, module)
    for name in ("EVENT_BUS_REDIS_CONNECTION_URL", "EVENT_BUS_TOPIC_PREFIX"):
        assert platform[name] == ours[name]
    if site.has_mfes:
        assert platform["EXAMS_DASHBOARD_MICROFRONTEND_URL"].endswith("/exams-dashboard")
        if service == "lms":
            assert platform["MFE_CONFIG"]["EXAMS_BASE_URL"] == ours["ROOT_URL"]
    if service == "lms":
        assert platform["IDA_LOGOUT_URI_LIST"][-1] == ours["ROOT_URL"] + "/logout/"


def test_each_side_reads_the_other_sides_tokens(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, lms = loaded(site, "production"), platform_settings(site, "lms", "production", monkeypatch)
    for private, public in (
        (ours["TOKEN_SIGNING"]["JWT_PRIVATE_SIGNING_JWK"], lms["TOKEN_SIGNING"]["JWT_PUBLIC_SIGNING_JWK_SET"]),
        (lms["JWT_AUTH"]["JWT_PRIVATE_SIGNING_JWK"], ours["JWT_AUTH"]["JWT_PUBLIC_SIGNING_JWK_SET"]),
    ):
        token = jwt.encode({"sub": "learner"}, jwt.PyJWK.from_json(private, "RS512").key, "RS512")
        [key] = jwt.PyJWKSet.from_json(public).keys
        assert jwt.decode(token, key.key, ["RS512"]) == {"sub": "learner"}
    for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_SECRET_KEY"):
        assert ours["JWT_AUTH"][name] == lms["JWT_AUTH"][name]
    # Whoever reads our files cannot sign as the platform.
    platform_key = json.loads(lms["JWT_AUTH"]["JWT_PRIVATE_SIGNING_JWK"])["d"]
    files = [path for path in Path(site.plugin).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if platform_key.encode() in path.read_bytes()]
