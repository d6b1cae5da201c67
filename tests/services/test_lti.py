# SPDX-License-Identifier: AGPL-3.0-only
"""
Tools under twenty simultaneous requests, and launches over eight workers that share nothing but the database.

``EXAMS_TEST_LTI_ROUNDS`` says how many rounds of each scene (5).
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.db.models import F
from django.utils import timezone
from pylti1p3.registration import Registration
from pylti1p3.service_connector import ServiceConnector
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.lti.models import LtiLaunch, UsedToken
from tests.lti.vendor import AP, CONTROL_TYPE, LTI, SCOPE, Form, private_pem_of
from tests.services.conftest import ServiceOn
from tests.services.courses import Attempt, Course, act, exam_body
from tests.services.databases import on_mariadb, on_sqlite
from tests.services.invariants import anomalies
from tests.services.lti_stage import Stage, staged, told_by
from tests.services.mariadb import MariaDB
from tests.services.server import Answer, Call, Service
from tests.services.tally import Tally

pytestmark = pytest.mark.services

SECONDS_FOR_NEW_WORKERS: Final = 30
LAUNCHES: Final = 8
ROUNDS: Final = int(os.environ.get("EXAMS_TEST_LTI_ROUNDS", "5"))


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


def differing(**pairs: tuple[Any, Any]) -> list[str]:
    return [f"{what}: {seen} instead of {wanted}" for what, (seen, wanted) in pairs.items() if seen != wanted]


def terminate_a_submitted_attempt(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner(), "start", "submit")
    call = stage.control(attempt, "terminate", reason_code=1, incident_severity=0.1)
    answers = course.at_once(20 * [call])
    return differing(
        answers=(statuses(answers), {200: 20}),
        status=(stage.row(attempt).status, "verified"),
        results=(stage.results(attempt), {"terminate": 1}),
        events=(stage.events(course.id), ["submitted", "verified"]),
    )


def terminate_a_running_attempt_while_its_learner_submits(stage: Stage, course: Course) -> list[str]:
    attempt = course.running_attempt(exam_type="proctored")
    call = stage.control(attempt, "terminate", reason_code=1, incident_severity=0.1)
    answers = course.at_once(10 * [call, act(attempt.learner, attempt, "submit")])
    tool = [answer for answer in answers if answer.call.path.endswith("/acs")]
    return differing(
        answers=(statuses(tool), {200: 10}),
        status=(stage.row(attempt).status, "verified"),
        results=(stage.results(attempt), {"terminate": 1}),
        events=(stage.events(course.id), ["submitted", "verified"]),
    )


def pause_and_pause(stage: Stage, course: Course) -> list[str]:
    attempt = course.running_attempt(exam_type="proctored")
    paused = course.at_once(20 * [stage.control(attempt, "pause")])
    resumed = course.at_once(20 * [stage.control(attempt, "resume")])
    return differing(
        paused=(statuses(paused), {200: 1, 400: 19}),
        resumed=(statuses(resumed), {200: 1, 400: 19}),
        results=(stage.results(attempt), {"pause": 1, "resume": 1}),
    )


def the_clients_zero_against_resume_and_minutes(stage: Stage, course: Course) -> list[str]:
    """The learner's client comes to its zero while the tool ends a pause and grants minutes."""
    attempt = course.running_attempt(exam_type="proctored")
    rows = ExamAttempt.objects.using(stage.alias).filter(pk=attempt.id)
    now = timezone.now()
    began = now - timedelta(minutes=59, seconds=40)
    # Time that has passed: 20 s were left when the tool paused the attempt.
    rows.update(start_time=began, paused_at=now)
    ExamAttempt.history.using(stage.alias).filter(id=attempt.id, start_time__isnull=False).update(start_time=began)
    submit = act(attempt.learner, attempt, "submit")
    tool = [stage.control(attempt, "resume"), *(stage.control(attempt, "update", extra_time=10) for _ in range(4))]
    answers = course.at_once([call for pair in zip(10 * [submit], tool * 2, strict=True) for call in pair])
    learners = [answer for answer in answers if not answer.call.path.endswith("/acs")]
    after = stage.row(attempt)
    return differing(
        answers=(statuses(learners), {200: 10}),
        status=(after.status, "started"),
        paused=(after.paused_at, None),
        minutes=(after.extra_time_mins, 10),
        events=(stage.events(course.id), []),
    )


def one_hint(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    told, cookie = stage.depart(attempt)
    answers = course.at_once(20 * [stage.authentication_request(told, cookie)])
    issued = sum(b"id_token" in answer.content for answer in answers)
    return differing(answers=(statuses(answers), {200: 20}), issued=(issued, 1))


def one_answer_of_the_tool(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    launch, cookie = stage.launched(attempt)
    # Ten with one nonce and ten with nonces of their own: the session data is good once all the same.
    messages = 10 * [stage.vendor.start_assessment(launch)]
    messages += [stage.vendor.start_assessment(launch) for _ in range(10)]
    answers = course.at_once([stage.answer(message, cookie) for message in messages])
    return differing(
        answers=(statuses(answers), {200: 1, 400: 19}), status=(stage.row(attempt).status, "ready_to_start")
    )


def one_client_assertion(stage: Stage, course: Course) -> list[str]:
    answers = course.at_once(20 * [stage.token_request(stage.vendor.assertion())])
    return differing(answers=(statuses(answers), {200: 1, 401: 19}))


def ten_learners_launch_step_by_step(stage: Stage, course: Course) -> list[str]:
    """Each request goes to whichever worker is free, and none remembers anything of the one before."""
    exam = course.exam(exam_type="proctored")
    attempts = [course.attempt(exam, course.learner()) for _ in range(10)]
    departures, key_set = [stage.depart(attempt) for attempt in attempts], stage.key_set(stage.vendor)
    issued = course.at_once([stage.authentication_request(*departure) for departure in departures])
    messages = []
    for answer, (_, cookie) in zip(issued, departures, strict=True):
        launch = stage.vendor.read_launch(Form(answer.content.decode()), key_set)
        messages.append(stage.answer(stage.vendor.start_assessment(launch), cookie))
    answers = course.at_once(messages)
    ready = Counter(stage.row(attempt).status for attempt in attempts)
    return differing(answers=(statuses(answers), {200: 10}), ready=(dict(ready), {"ready_to_start": 10}))


Scene = Callable[[Stage, Course], list[str]]
SCENES: Final[list[Scene]] = [
    terminate_a_submitted_attempt,
    terminate_a_running_attempt_while_its_learner_submits,
    pause_and_pause,
    the_clients_zero_against_resume_and_minutes,
    one_hint,
    one_answer_of_the_tool,
    one_client_assertion,
    ten_learners_launch_step_by_step,
]


@pytest.fixture(scope="module", params=["MariaDB, read committed", "MariaDB, repeatable read", "SQLite"])
def stage(
    request: pytest.FixtureRequest,
    service_on: ServiceOn,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Stage]:
    """The service on each database in turn, with a registered vendor."""
    if request.param == "SQLite":
        database = on_sqlite(tmp_path_factory.mktemp("lti") / "exams.sqlite3")
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        read_committed = request.param == "MariaDB, read committed"
        name = "lti_rc" if read_committed else "lti_rr"
        mariadb.create_database(name)
        database = on_mariadb(mariadb, name, "read committed" if read_committed else "repeatable read")
    with staged(database, service_on, django_db_blocker) as stage:
        yield stage


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_simultaneous_requests_of_tools_leave_no_anomaly(
    scene: Scene, stage: Stage, tally: Tally, request: pytest.FixtureRequest
) -> None:
    line = tally.line(request.node.callspec.params["stage"], scene.__name__.replace("_", " "))
    for _ in range(ROUNDS):
        course = stage.course()
        findings = scene(stage, course)
        line.add(course.answers, findings + anomalies(course.id, stage.alias))
    assert not line.anomalies, "\n".join([*line.anomalies[:20], stage.service.log_tail()])


def workers(service: Service) -> set[int]:
    """The processes that answer requests at this moment."""
    assert service._process is not None
    master = service._process.pid
    return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}


def all_workers_anew(service: Service) -> None:
    """Each process gives way to a new one: whatever it held in memory, caches and sessions included, is gone."""
    before = workers(service)
    assert service._process is not None
    service._process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + SECONDS_FOR_NEW_WORKERS
    while (now := workers(service)) & before or len(now) < service.workers:
        assert time.monotonic() < deadline, service.log_tail()
        time.sleep(0.05)
    service.expect(Call("GET", "/health/"), 200)


def test_no_process_that_served_one_step_of_a_launch_is_needed_for_the_next(stage: Stage) -> None:
    """Deploys in the middle of launches, eight workers and no sticky sessions: all of them come through."""
    course, vendor = stage.course(), stage.vendor
    exam = course.exam(exam_type="proctored")
    attempts = [course.attempt(exam, course.learner()) for _ in range(LAUNCHES)]

    departures = [stage.depart(attempt) for attempt in attempts]
    all_workers_anew(stage.service)
    launches = [(stage.bring(told, cookie), cookie) for told, cookie in departures]
    all_workers_anew(stage.service)
    pages = [stage.service.call(stage.answer(vendor.start_assessment(launch), cookie)) for launch, cookie in launches]
    assert statuses(pages) == {200: LAUNCHES}
    all_workers_anew(stage.service)
    for attempt, (begun, _) in zip(attempts, launches, strict=True):
        stage.service.expect(act(attempt.learner, attempt, "start"), 200)
        end = stage.service.expect(Call("GET", f"/lti/end_assessment/{attempt.id}", attempt.learner), 302)
        cookie = end.headers["set-cookie"].partition(";")[0]
        ended = stage.bring(told_by(end), cookie)
        assert ended[f"{LTI}message_type"] == "LtiEndAssessment"
        assert ended[f"{AP}session_data"] == begun[f"{AP}session_data"]
    assert {stage.row(attempt).status for attempt in attempts} == {"submitted"}
    assert not anomalies(course.id, stage.alias)


def hours_go_by(stage: Stage, attempt: Attempt, hours: float) -> None:
    """As far as the attempt and all that is remembered of launches can tell."""
    time = timedelta(hours=hours)
    for model, columns in (
        (ExamAttempt.objects.filter(pk=attempt.id), ("start_time", "paused_at")),
        (LtiLaunch.objects.all(), ("expires_at",)),
        (UsedToken.objects.all(), ("expires_at",)),
    ):
        rows: Any = model.using(stage.alias)
        rows.update(**{column: F(column) - time for column in columns})


def sweep(stage: Stage) -> None:
    done = stage.service.database.manage("submit_timed_out_attempts")
    assert done.returncode == 0, done.stderr


def test_an_exam_of_three_hours_ends_in_the_tool_though_its_launch_was_purged(stage: Stage) -> None:
    course = stage.course()
    attempt = course.attempt(course.exam(exam_type="proctored", time_limit_mins=180), course.learner())
    begun, cookie = stage.launched(attempt)
    stage.service.expect(stage.answer(stage.vendor.start_assessment(begun), cookie), 200)
    stage.service.expect(act(attempt.learner, attempt, "start"), 200)
    hours_go_by(stage, attempt, 2.5)
    sweep(stage)
    assert not LtiLaunch.objects.using(stage.alias).filter(attempt_id=attempt.id).exists()
    assert stage.row(attempt).status == "started"
    end = stage.service.expect(Call("GET", f"/lti/end_assessment/{attempt.id}", attempt.learner), 302)
    ended = stage.bring(told_by(end), end.headers["set-cookie"].partition(";")[0])
    assert ended[f"{LTI}message_type"] == "LtiEndAssessment"
    assert ended[f"{AP}session_data"] == begun[f"{AP}session_data"]


def test_a_tool_that_pauses_and_never_resumes_holds_nobody_for_ever(stage: Stage) -> None:
    """Neither the learner's next exam, though no sweep runs, nor the attempt itself, once one does."""
    course = stage.course()
    learner = course.learner()
    exams = course.exams(*(exam_body(course.content_id(name), exam_type="proctored") for name in ("one", "two")))
    paused, waiting = (course.attempt(exam, learner) for exam in exams)
    stage.service.expect(act(learner, paused, "start"), 200)
    stage.service.expect(stage.control(paused, "pause"), 200)
    hours_go_by(stage, paused, 3.9)
    sweep(stage)
    assert stage.service.call(act(learner, waiting, "start")).status == 400, "four hours are not over"
    assert stage.row(paused).paused_at
    hours_go_by(stage, paused, 0.2)
    stage.service.expect(act(learner, waiting, "start"), 200)
    assert stage.row(paused).status == "submitted"
    assert stage.events(course.id) == ["submitted"]

    stage.service.expect(stage.control(waiting, "pause"), 200)
    hours_go_by(stage, waiting, 4.1)
    sweep(stage)
    assert (stage.row(waiting).status, stage.row(waiting).paused_at) == ("submitted", None)
    assert stage.events(course.id) == ["submitted", "submitted"]


def test_pylti1p3_reads_our_message_and_controls_the_assessment_over_http(stage: Stage) -> None:
    """A tool by other hands: our key set, our token endpoint and our control service, each over a real connection."""
    course, vendor, url = stage.course(), stage.vendor, stage.service.url
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    launch, cookie = stage.launched(attempt)
    stage.service.expect(stage.answer(vendor.start_assessment(launch), cookie), 200)
    stage.service.expect(act(attempt.learner, attempt, "start"), 200)

    registration = Registration()
    registration.set_client_id(vendor.tool.client_id).set_auth_audience(launch["iss"])
    registration.set_auth_token_url(f"{url}/lti/lti_consumer/v1/token/{vendor.tool.config_id}")
    registration.set_tool_private_key(private_pem_of(vendor.key))
    connector = ServiceConnector(registration)

    def control(action: str, **fields: Any) -> Any:
        body = json.dumps(vendor.control_body(stage.row(attempt), action, **fields))
        acs = f"{url}/lti/{vendor.tool.pk}/acs"
        return connector.make_service_request([SCOPE], acs, True, body, CONTROL_TYPE, CONTROL_TYPE)["body"]

    assert control("pause") == {"status": "paused", "extra_time": 0}
    assert control("resume") == {"status": "running", "extra_time": 0}
    assert control("update", extra_time=5) == {"status": "running", "extra_time": 5}
    assert control("flag", incident_severity="0.4", reason_code=2) == {"status": "running", "extra_time": 5}
    assert control("terminate", reason_code=1, incident_severity=0.1) == {"status": "terminated", "extra_time": 5}
    assert stage.row(attempt).status == "verified"
    assert stage.events(course.id) == ["submitted", "verified"]

    ended = stage.service.expect(Call("GET", f"/lti/end_assessment/{attempt.id}", attempt.learner), 302)
    assert ended.headers["location"].startswith(vendor.tool.oidc_login_url), "the tool asked to hear of the end"
    assert not anomalies(course.id, stage.alias)
