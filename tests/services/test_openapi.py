# SPDX-License-Identifier: AGPL-3.0-only
"""
The running service keeps what its OpenAPI document promises.

schemathesis makes requests, good and bad, of every operation in it, as a learner and as staff.

``EXAMS_TEST_FUZZ_EXAMPLES`` says how many requests of each operation each of the two runs makes up (100). They are the
same in each run on the same document: a budget of seconds would make others on a slower machine.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.services.conftest import ServiceOn
from tests.services.courses import STAFF, Course, exam_body
from tests.services.databases import on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.server import Service
from tests.tokens import Person

pytestmark = pytest.mark.services

EXAMPLES: Final = os.environ.get("EXAMS_TEST_FUZZ_EXAMPLES", "100")
SCHEMA: Final = "/api-docs/schema/"
LEARNER: Final = Person("fuzzed-learner", lms_user_id=701)

#: Two requests of three ask about what there is, for most made-up ids end in a refusal.
CONFIGURATION: Final = """
[checks.positive_data_acceptance]
# A well-formed request may still be refused by the domain (no such exam, attempt exists already): 400.
expected-statuses = ["2xx", "400", "401", "403", "404"]

[dictionaries]
courses.values = ["{course}"]
contents.values = ["{content}"]
exams.values = [{exam}]
attempts.values = [{attempt}]
people.values = ["{learner}"]

[parameters]
"path.course_id" = {{ dictionary = "courses", probability = 0.66 }}
"path.content_id" = {{ dictionary = "contents", probability = 0.66 }}
"query.content_id" = {{ dictionary = "contents", probability = 0.66 }}
"path.exam_id" = {{ dictionary = "exams", probability = 0.66 }}
"query.exam_id" = {{ dictionary = "exams", probability = 0.66 }}
"body.exam_id" = {{ dictionary = "exams", probability = 0.66 }}
"path.attempt_id" = {{ dictionary = "attempts", probability = 0.66 }}
"path.username" = {{ dictionary = "people", probability = 0.66 }}
"body.exam_ids" = {{ dictionary = "exams", probability = 0.66 }}
"body.user_ids" = {{ dictionary = "people", probability = 0.66 }}
"""


@pytest.fixture(scope="module")
def service(mariadb: MariaDB, service_on: ServiceOn) -> Iterator[Service]:
    """The service on a database of its own."""
    mariadb.create_database("openapi")
    database = on_mariadb(mariadb, "openapi")
    database.set_up()
    service = service_on(database)
    yield service
    service.stop()


@pytest.fixture
def configuration(service: Service, tmp_path: Path) -> Path:
    """Parameters for schemathesis: a new course and the learner's attempt in it."""
    course = Course(service)
    timed, practice = course.exams(
        exam_body(course.content_id("timed")), exam_body(course.content_id("practice"), exam_type="practice")
    )
    course.attempt(timed, course.learner(), "start", "submit")
    attempt = course.attempt(practice, LEARNER, "start", "submit")
    file = tmp_path / "schemathesis.toml"
    file.write_text(
        CONFIGURATION.format(
            course=course.id,
            content=practice.content_id,
            exam=practice.id,
            attempt=attempt.id,
            learner=LEARNER.username,
        )
    )
    return file


@pytest.mark.parametrize("person", [LEARNER, STAFF], ids=["learner", "staff"])
def test_every_answer_is_as_documented(person: Person, service: Service, configuration: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", str(configuration),
            "run", f"{service.url}{SCHEMA}",
            "--header", f"Authorization:{person.authorization()['Authorization']}",
            "--checks", "all",
            "--max-examples", EXAMPLES,
            "--seed", "1",
            "--request-timeout", "30",
            "--generation-database", "none",
            # The token above is who asks; made-up cookies beside it would only be refused.
            "--generation-with-security-parameters", "false",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )  # fmt: skip
    _, _, failures = done.stdout.partition("= FAILURES =")
    said = f"{(failures or done.stdout)[:20_000]}\n{done.stderr[-2000:]}"
    assert done.returncode == 0, f"{said}\n{service.log_tail()}"
    assert "Test cases" in done.stdout, said
