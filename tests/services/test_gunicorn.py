# SPDX-License-Identifier: AGPL-3.0-only
"""
The service as it is deployed: gunicorn with its own configuration and the settings' example, on MariaDB.

While learners start and submit, it is restarted and ended. EXAMS_TEST_RATE: requests a second (50).
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests import tokens
from tests.deployment.example import example, filled_in
from tests.services.databases import ROOT, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST, free_port
from tests.services.server import Answer, Call, Service
from tests.tokens import Person

pytestmark = pytest.mark.services

RATE: Final = float(os.environ.get("EXAMS_TEST_RATE", "50"))
SECONDS: Final = 4.0
COURSE: Final = "course-v1:Acme+DEPLOY+2026"
STAFF: Final = Person("staff", 1, administrator=True)

_numbers = itertools.count(10_000)


class Deployed(Service):
    """The service as the image runs it: threads, graceful time-outs."""

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "edx_exams/docker_gunicorn_configuration.py"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--bind", f"{HOST}:{self.port}", "edx_exams.wsgi"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                self.call(Call("GET", "/health/"))
                return
            except OSError:
                assert self._process.poll() is None, self.log_tail()
                assert time.monotonic() < until, self.log_tail()
                time.sleep(0.1)

    environment: dict[str, str]

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process
        return self._process

    def ask(self, method: str, path: str, who: Person, body: Any) -> Answer:
        return self.call(Call(method, path, body=body, headers=who.authorization("RS512")))


@pytest.fixture
def deployed(mariadb: MariaDB, tmp_path: Path) -> Iterator[Deployed]:
    """It, with an exam."""
    name = f"deployed_{next(_numbers)}"
    mariadb.create_database(name)
    database = on_mariadb(mariadb, name)
    database.set_up()
    settings = filled_in(example())
    with database.connected() as connection:
        of_tests = connection.settings_dict
    ours = settings["DATABASES"]["default"]
    ours.update({key: str(of_tests[key]) for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")})
    ours["OPTIONS"] |= {key: value for key, value in of_tests["OPTIONS"].items() if isinstance(value, str)}
    settings |= {"ALLOWED_HOSTS": [HOST], "LEGACY_EXAMS_ENABLED": False}
    settings["JWT_AUTH"] |= {
        "JWT_ISSUER": tokens.ISSUER, "JWT_AUDIENCE": tokens.AUDIENCE,
        "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set(),
    }  # fmt: skip
    settings["JWT_AUTH"]["JWT_ISSUERS"][0] |= {"ISSUER": tokens.ISSUER, "AUDIENCE": tokens.AUDIENCE}
    (tmp_path / "edx_exams.yml").write_text(yaml.safe_dump(settings))
    service = Deployed(database, tmp_path / "log")
    service.port = free_port()
    service.environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "edx_exams.settings.production", "WEB_CONCURRENCY": "2",
        "EDX_EXAMS_CFG": str(tmp_path / "edx_exams.yml"),
    }  # fmt: skip
    service.start()
    yield service
    if service.process.poll() is None:
        service.stop()


class Learners:
    """Learners who come at an even pace, whatever becomes of those before them; each starts an exam and submits it."""

    def __init__(self, service: Deployed, exam_id: int) -> None:
        self.service = service
        self.exam_id = exam_id
        self.outcomes: Counter[str] = Counter()
        self.ended = threading.Event()
        self._lock = threading.Lock()

    def come(self, seconds: float) -> None:
        """Let them come for a time, and wait for the last one."""
        with ThreadPoolExecutor(200) as pool:
            began = time.monotonic()
            for number in range(int(seconds * RATE / 2)):
                time.sleep(max(0.0, began + number * 2 / RATE - time.monotonic()))
                pool.submit(self._take_exam)

    def _take_exam(self) -> None:
        number = next(_numbers)
        learner = Person(f"learner{number}", number)
        started = self._do("start", "POST", "exams/attempt", learner, {"exam_id": self.exam_id, "start_clock": "true"})
        if started:
            attempt = started.json["exam_attempt_id"]
            self._do("submit", "PUT", f"exams/attempt/{attempt}", learner, {"action": "submit"})

    def _do(self, name: str, method: str, path: str, learner: Person, body: Any) -> Answer | None:
        answer: Answer | None = None
        try:
            answer = self.service.ask(method, path, learner, body)
        except ConnectionRefusedError:
            outcome = "nobody there"
        except OSError as error:  # sent, and not answered
            outcome = f"{name} lost: {type(error).__name__}"
        else:
            outcome = name if answer.status == 200 else f"{name} {answer.status}"
        with self._lock:
            self.outcomes[outcome] += 1
        return answer if answer and answer.status == 200 else None


@pytest.fixture
def learners(deployed: Deployed) -> Learners:
    body = {
        "course_id": COURSE, "content_id": "block-v1:Acme+DEPLOY+2026+type@sequential+block@exam", "exam_name": "Exam",
        "exam_type": "timed", "time_limit_mins": 60, "due_date": None, "hide_after_due": False, "is_active": True,
    }  # fmt: skip
    answer = deployed.ask("PATCH", f"exams/course_id/{COURSE}", STAFF, [body])
    assert answer.status == 200, answer
    [exam] = deployed.ask("GET", f"exams/course_id/{COURSE}", STAFF, None).json
    return Learners(deployed, exam["id"])


def test_a_rolling_restart_of_all_workers_fails_nobody(deployed: Deployed, learners: Learners) -> None:
    restart = threading.Timer(SECONDS / 3, lambda: deployed.process.send_signal(signal.SIGHUP))
    restart.start()
    learners.come(SECONDS)
    restart.join()
    print(f"rolling restart at {RATE:g} requests a second: {dict(learners.outcomes)}")
    assert set(learners.outcomes) == {"start", "submit"}, (learners.outcomes, deployed.log_tail())


def test_an_end_under_load_loses_no_request(deployed: Deployed, learners: Learners) -> None:
    end = threading.Timer(SECONDS / 2, lambda: deployed.process.send_signal(signal.SIGTERM))
    end.start()
    learners.come(SECONDS)
    end.join()
    assert deployed.process.wait(45) == 0
    print(f"SIGTERM at {RATE:g} requests a second: {dict(learners.outcomes)}")
    assert learners.outcomes["nobody there"]
    assert set(learners.outcomes) == {"start", "submit", "nobody there"}, (learners.outcomes, deployed.log_tail())
