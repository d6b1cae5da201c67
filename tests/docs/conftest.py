# SPDX-License-Identifier: AGPL-3.0-only
"""The machine that the how-tos are followed on, and the people who use what they set up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import Page

from tests import tokens
from tests.chromium import chromium
from tests.docs.machine import Machine
from tests.services.ports import HOST, free_port
from tests.services.waiting import wait_until

STREAM: Final = "prod-learning-exam-attempt-lifecycle"
ISSUER: Final = "https://courses.example.org/oauth2"
COURSE_ID: Final = "course-v1:Acme+BIO101+2026"
STAFF: Final = tokens.Person("teacher", lms_user_id=1, administrator=True)


class Platform:
    """
    The platform beside the machine: its tokens, its event bus, its people's requests.

    :param machine: where the service runs
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._session = requests.Session()
        self._session.verify = machine.certificate
        self._session.trust_env = False
        self._exam_of: dict[int, int] = {}

    def settings(self, **jwt: str) -> dict[str, Any]:
        """Return what an operator has from the platform."""
        secret = "5c1b7e90a4d2f6833c7ad1e0b9f24486"
        return {
            "HOST": HOST,
            "PORT": str(self.machine.mariadb.port),
            "LOCATION": [f"{HOST}:{free_port()}"],  # a cache that is away fails nothing
            "JWT_SECRET_KEY": secret,
            "JWT_ISSUERS": [{"ISSUER": ISSUER, "AUDIENCE": "openedx", "SECRET_KEY": secret}],
            "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set(),
            "EMAIL_HOST_PASSWORD": secret,
            "ROOT_URL": self.machine.url,
            "ALLOWED_HOSTS": ["localhost"],
            "EVENT_BUS_REDIS_CONNECTION_URL": self.machine.redis.url,
            "LEGACY_EXAMS_ENABLED": False,
            **jwt,
        }

    def call(self, method: str, path: str, person: tokens.Person, body: Any = None, *, status: int = 200) -> Any:
        """Call the API through the proxy, as one who has this token."""
        authorization = person.authorization("RS512", iss=ISSUER, aud="openedx")
        answer = self._session.request(
            method, f"{self.machine.url}/api/v1/{path}", json=body, headers=authorization, timeout=60
        )
        assert answer.status_code == status, f"{answer.status_code} {answer.text}\n{self.machine.journal()[-4000:]}"
        return answer.json() if answer.content else None

    def page(self, path: str) -> requests.Response:
        """Ask for a page as nobody in particular."""
        return self._session.get(f"{self.machine.url}{path}", timeout=60)

    def start_exam(self, learner: tokens.Person) -> int:
        """A new exam, which this learner starts; the attempt's id."""
        content_id = f"block-v1:Acme+BIO101+2026+type@sequential+block@{learner.username}"
        exam = {"exam_name": "Midterm", "content_id": content_id, "time_limit_mins": 60, "due_date": None,
                "exam_type": "timed", "hide_after_due": False, "is_active": True}  # fmt: skip
        self.call("PATCH", f"exams/course_id/{COURSE_ID}", STAFF, [exam])
        listed = {one["content_id"]: one["id"] for one in self.call("GET", f"exams/course_id/{COURSE_ID}", STAFF)}
        started = self.call("POST", "exams/attempt", learner, {"exam_id": listed[content_id], "start_clock": "true"})
        self._exam_of[started["exam_attempt_id"]] = listed[content_id]
        return int(started["exam_attempt_id"])

    def submit(self, attempt_id: int, learner: tokens.Person) -> None:
        """The learner submits."""
        for action in ("stop", "submit"):
            self.call("PUT", f"exams/attempt/{attempt_id}", learner, {"action": action})

    def status_of(self, attempt_id: int) -> str:
        """The attempt's status in the database."""
        query = f"SELECT status FROM exams_examattempt WHERE id = {attempt_id}"
        return self.machine.mariadb.execute(query, "edx_exams").strip()

    def access_token(self, attempt_id: int, learner: tokens.Person) -> str:
        """The learner's permission to see the content, which the LMS opens."""
        exam_id = self._exam_of[attempt_id]
        return str(self.call("GET", f"access_tokens/exam_id/{exam_id}", learner)["exam_access_token"])

    def answers(self) -> None:
        """Wait until the service answers again."""
        wait_until(lambda: self.page("/ready/").status_code == 200, f"it answers:\n{self.machine.journal()[-4000:]}")

    def heard(self, learner: tokens.Person) -> list[str]:
        """Events on the topic that are about this learner, by type."""
        return [
            fields[b"type"].decode()
            for fields in self.machine.redis.entries(STREAM)
            if learner.username.encode() in fields[b"event_data"]
        ]

    def hears(self, learner: tokens.Person) -> None:
        """Wait until the submission is on the topic."""
        wait_until(
            lambda: any(kind.endswith("exam.attempt.submitted.v1") for kind in self.heard(learner)),
            f"{learner.username}'s submission is on the topic:\n{self.machine.journal()[-4000:]}",
        )


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(90_000)
        yield page


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the how-to was followed to its end."""
    machine = Machine(Path(tmp_path_factory.mktemp("machine")))
    try:
        machine.start(Platform(machine).settings())
        machine.follow("operate.rst")
        machine.directory = machine.clone
        yield machine
    finally:
        machine.stop()


@pytest.fixture
def platform(machine: Machine) -> Platform:
    return Platform(machine)
