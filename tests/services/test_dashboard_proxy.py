# SPDX-License-Identifier: AGPL-3.0-only
"""
The instructor dashboard's paths on the LMS's host, behind the proxies that the how-to configures.

The sandbox's LMS is behind them too: people sign in there, and show its cookies. What goes to its inner address is
recorded by a stand-in.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import requests

from sandbox.keys import make_missing_keys
from tests.router.legacy_lms import Behaviour, LegacyLms, answers, hangs, sends
from tests.router.legacy_lms import running as legacy_lms
from tests.services.databases import ROOT
from tests.services.ports import HOST, free_port
from tests.services.proxies import Place, Proxy, caddy, make_certificate, nginx, running
from tests.services.waiting import wait_until

pytestmark = pytest.mark.services

OURS: Final = "/api/instructor/v2/courses/course-v1:Demo+EX101+2026/special_exams"
THEIRS: Final = "/api/instructor/v2/courses/course-v1:Demo+EX303+2026/special_exams"
CSRF_COOKIE: Final = "sandbox_lms_csrftoken"


class Campus(NamedTuple):
    """The service, the sandbox's LMS, and the stand-in for the LMS's inner address; where the proxy is to be."""

    root: str
    place: Place
    lms: LegacyLms
    log: Path


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    directory = tmp_path_factory.mktemp("campus")
    port, exams, lms = free_port(), free_port(), free_port()
    place = Place("courses.example.org", port, {18740: exams, 8000: lms}, make_certificate(directory))
    root = f"https://localhost:{port}"
    make_missing_keys(directory / "keys")
    with legacy_lms() as stand_in:
        environment = {
            **os.environ,
            "EXAMS_PORT": str(exams),
            "SANDBOX_LMS_PORT": str(lms),
            "SANDBOX_TOOL_PORT": str(free_port()),
            "SANDBOX_VAR_DIR": str(directory),
            "EXAMS_SQLITE_PATH": str(directory / "exams.sqlite3"),
            "EXAMS_TEST_LMS_ROOT_URL": root,
            "EXAMS_TEST_LEGACY_INTERNAL_URL": stand_in.url,
            "PYTHONPATH": str(ROOT),
        }
        log = directory / "log"
        prepare = [sys.executable, "-m", "sandbox.prepare"]
        gunicorn = [sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{exams}", "--threads", "4", "edx_exams.wsgi"]
        site = [sys.executable, "-m", "sandbox.serve", "sandbox.lms.settings", str(lms)]
        settings = {"DJANGO_SETTINGS_MODULE": "tests.services.dashboard_settings"}
        with (
            running(site, environment, log),
            running(gunicorn, environment | settings, log),
            running(prepare, environment, log) as preparing,
        ):
            assert preparing.wait(90) == 0, log.read_text(errors="replace")[-4000:]
            yield Campus(root, place, stand_in, log)


def answers_at(url: str, **more: Any) -> bool:
    """Tell whether a server answers, and not a proxy in its place."""
    try:
        return requests.get(url, timeout=5, **more).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def dashboard(
    request: pytest.FixtureRequest, campus: Campus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[requests.Session]:
    """The browser of a member of the course's team, who has signed in to the LMS behind the proxy."""
    proxy: Proxy = request.param
    command = proxy(tmp_path_factory.mktemp("proxy"), "dashboard.", campus.place)
    session = requests.Session()
    session.verify = str(campus.place.certificate.certificate)
    session.trust_env = False
    with running(command, os.environ | {"HOME": str(campus.log.parent)}, campus.log):
        exams = f"http://{HOST}:{campus.place.upstreams[18740]}/live/"
        wait_until(
            lambda: answers_at(exams) and answers_at(f"{campus.root}/health/", verify=session.verify), "both answer"
        )
        page = session.get(f"{campus.root}/login", timeout=30).text
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
        form = {"username": "frida", "csrfmiddlewaretoken": token}
        assert session.post(f"{campus.root}/login", form, timeout=30).ok
        yield session


@pytest.fixture
def lms(campus: Campus) -> LegacyLms:
    campus.lms.asked.clear()
    campus.lms.behave = answers(200, {"results": ["as the LMS has it"]})
    return campus.lms


def post(dashboard: requests.Session, url: str, body: Any, **headers: str | None) -> requests.Response:
    """Send what a page on the LMS's host sends."""
    usual = {
        "Origin": "/".join(url.split("/")[:3]),
        "X-CSRFToken": dashboard.cookies[CSRF_COOKIE],
        "USE-JWT-COOKIE": "true",
    }
    sent = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    return dashboard.post(url, json=body, headers=sent, timeout=30)


def test_the_lms_cookie_is_enough_and_a_foreign_page_is_refused(
    campus: Campus, dashboard: requests.Session, lms: LegacyLms
) -> None:
    exams = dashboard.get(f"{campus.root}{OURS}", timeout=30).json()
    assert len(exams) > 1
    page = dashboard.get(f"{campus.root}{OURS}/attempts", params={"page_size": 1}, timeout=30).json()
    assert page["next"] is None or page["next"].startswith(f"{campus.root}{OURS.replace('+', '%2B')}/attempts")
    grant = {"user_ids": ["nobody"], "exam_ids": [exams[0]["id"]], "allowance_type": "time_multiplier", "value": "1.5"}
    given = post(dashboard, f"{campus.root}{OURS}/allowances", grant)
    assert (given.status_code, given.json()["results"][0]["success"]) == (200, False), given.text
    assert "Set-Cookie" not in given.headers
    for wrong in ({"Origin": "https://evil.example.org"}, {"X_CSRFToken": None}, {"X_CSRFToken": "x" * 32}):
        for path in (OURS, THEIRS):
            refused = post(dashboard, f"{campus.root}{path}/allowances", grant, **wrong)
            assert (refused.status_code, set(refused.json())) == (401, {"detail", "error"}), wrong
    assert lms.asked == []
    assert dashboard.get(f"{campus.root}/", timeout=30).url == f"{campus.root}/"  # still signed in, and the LMS's page


def test_a_course_of_the_lms_own_reaches_it_once_and_unchanged(
    campus: Campus, dashboard: requests.Session, lms: LegacyLms
) -> None:
    lms.behave = sends(418, b"as the LMS has it", "text/plain", Set_Cookie="sessionid=other")
    answer = post(dashboard, f"{campus.root}{THEIRS}/7/allowance?a=%2B&a=2", {"value": 5})
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (
        418,
        b"as the LMS has it",
        "text/plain",
    )
    assert "sessionid" not in answer.cookies
    asked = lms.request
    assert (asked.method, asked.target, json.loads(asked.body)) == (
        "POST",
        f"{THEIRS}/7/allowance?a=%2B&a=2",
        {"value": 5},
    )
    assert (asked.headers["Host"], asked.headers["X-Forwarded-Proto"]) == (
        campus.root.removeprefix("https://"),
        "https",
    )
    assert asked.headers["X-CSRFToken"] == dashboard.cookies[CSRF_COOKIE]
    assert f"{CSRF_COOKIE}={dashboard.cookies[CSRF_COOKIE]}" in asked.headers["Cookie"]
    assert not {"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via", "Forwarded"} & set(asked.headers)


def test_a_loop_is_refused(campus: Campus, dashboard: requests.Session, lms: LegacyLms) -> None:
    """The LMS's inner address leads to the proxy again."""
    lms.behave = through(dashboard, campus.root, lms)
    answer = dashboard.get(f"{campus.root}{THEIRS}/attempts", timeout=30)
    assert (answer.status_code, "LEGACY_INTERNAL_URL" in answer.json()["error"]) == (508, True)
    assert len(lms.asked) == 1


def through(dashboard: requests.Session, root: str, lms: LegacyLms) -> Behaviour:
    """Send each request on to the proxy, as it came."""

    def behave(handler: Any) -> None:
        asked = lms.asked[-1]
        answer = requests.request(
            asked.method,
            f"{root}{asked.target}",
            headers=asked.headers,
            data=asked.body,
            timeout=30,
            verify=dashboard.verify,
        )
        sends(answer.status_code, answer.content, answer.headers["Content-Type"])(handler)

    return behave


def test_an_lms_that_hangs_costs_a_second(campus: Campus, dashboard: requests.Session, lms: LegacyLms) -> None:
    lms.behave = hangs
    began = time.monotonic()
    answer = dashboard.get(f"{campus.root}{THEIRS}", timeout=30)
    assert (answer.status_code, set(answer.json())) == (504, {"detail", "error"})
    assert time.monotonic() - began < 10
    assert dashboard.get(f"{campus.root}{OURS}", timeout=30).ok
