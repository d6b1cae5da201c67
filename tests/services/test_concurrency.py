# SPDX-License-Identifier: AGPL-3.0-only
"""
Twenty simultaneous requests through the real HTTP server, many rounds: no anomaly in tables, history or outbox, no 5xx.

A scenario sets the stage in a course of its own, lets requests go at once, and says what the contract demands of their
answers and of what is left. What must hold always stands in :mod:`tests.services.invariants` and is asked after each
round. ``EXAMS_TEST_ROUNDS`` says how many rounds (20), ``EXAMS_TEST_BULK_ROUNDS`` how many of bulk allowances (1).
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.clock import extra_minutes
from edx_exams.apps.core.models import CourseExamConfiguration, ExamAttempt, ProctoringProvider, StudentAllowance, User
from edx_exams.apps.core.models import Exam as ExamRow
from edx_exams.apps.instructor.lists import ALLOWANCE_ORDERINGS, ATTEMPT_ORDERINGS
from tests.services.conftest import ServiceOn
from tests.services.courses import STAFF, Attempt, Course, act, create, exam_body, latest, look, reset
from tests.services.databases import Database, on_mariadb, on_sqlite
from tests.services.invariants import anomalies
from tests.services.mariadb import MariaDB
from tests.services.server import Answer, Call, Service
from tests.services.tally import Tally

pytestmark = pytest.mark.services

ROUNDS: Final = int(os.environ.get("EXAMS_TEST_ROUNDS", "20"))
#: Of the requests that give a thousand allowances each.
BULK_ROUNDS: Final = int(os.environ.get("EXAMS_TEST_BULK_ROUNDS", "1"))
PROVIDERS: Final = ("first_proctor", "second_proctor")

Scenario = Callable[[Course], list[str]]
SCENARIOS: Final[list[Scenario]] = []


def scenario(function: Scenario) -> Scenario:
    """Make a function one of the scenarios; its name is the scenario's."""
    SCENARIOS.append(function)
    return function


def unexpected(answers: list[Answer], expected: dict[int, int]) -> list[str]:
    """Findings where the answers' statuses are not exactly the expected ones."""
    seen = Counter(answer.status for answer in answers)
    return (
        []
        if seen == Counter(expected)
        else [f"answers {dict(seen)} instead of {expected}; for example {_odd_one(answers, expected)}"]
    )


def others_than(answers: list[Answer], allowed: set[int]) -> list[str]:
    """Findings where an answer has none of the allowed statuses."""
    return [f"unexpected {answer}" for answer in answers if answer.status not in allowed]


def _odd_one(answers: list[Answer], expected: dict[int, int]) -> Answer:
    seen = Counter(answer.status for answer in answers)
    return max(answers, key=lambda answer: seen[answer.status] - expected.get(answer.status, 0))


def alias(course: Course) -> str:
    return course.service.database.alias


def row(attempt: Attempt, course: Course) -> ExamAttempt:
    return ExamAttempt.objects.using(alias(course)).get(pk=attempt.id)


@scenario
def double_create(course: Course) -> list[str]:
    exam, learner = course.exam(), course.learner()
    return unexpected(course.at_once(20 * [create(learner, exam)]), {200: 1, 400: 19})


@scenario
def create_two_exams_then_start_both(course: Course) -> list[str]:
    exams = course.exams(exam_body(course.content_id("first")), exam_body(course.content_id("second")))
    learner = course.learner()
    created = course.at_once(10 * [create(learner, exam) for exam in exams])
    attempts = [
        Attempt(answer.json["exam_attempt_id"], exams[0], learner) for answer in created if answer.status == 200
    ]
    started = course.at_once(10 * [act(learner, attempt, "start") for attempt in attempts[:2]])
    return unexpected(created, {200: 2, 400: 18}) + unexpected(started, {200: 1, 400: 19})


@scenario
def begin_two_exams_with_the_clock_running(course: Course) -> list[str]:
    exams = course.exams(exam_body(course.content_id("first")), exam_body(course.content_id("second")))
    learner = course.learner()
    findings = unexpected(course.at_once(10 * [create(learner, exam, start=True) for exam in exams]), {200: 1, 400: 19})
    left = ExamAttempt.objects.using(alias(course)).filter(exam__course_id=course.id).count()
    return findings if left == 1 else [*findings, f"{left} attempts: a refused start left its attempt behind"]


@scenario
def start_and_start(course: Course) -> list[str]:
    attempt = course.attempt(course.exam(), course.learner())
    return unexpected(course.at_once(20 * [act(attempt.learner, attempt, "start")]), {200: 1, 400: 19})


@scenario
def submit_and_submit(course: Course) -> list[str]:
    attempt = course.running_attempt()
    return unexpected(course.at_once(20 * [act(attempt.learner, attempt, "submit")]), {200: 20})


@scenario
def submit_and_error(course: Course) -> list[str]:
    attempt = course.running_attempt()
    # Whichever comes first decides: its repetitions are fine, the others come too late.
    answers = course.at_once(10 * [act(attempt.learner, attempt, action) for action in ("submit", "error")])
    return unexpected(answers, {200: 10, 400: 10})


@scenario
def submit_and_stop(course: Course) -> list[str]:
    attempt = course.running_attempt()
    answers = course.at_once(10 * [act(attempt.learner, attempt, action) for action in ("submit", "stop")])
    final = row(attempt, course).status
    return others_than(answers, {200, 400}) + ([] if final == "submitted" else [f"submitted, and left {final}"])


@scenario
def submit_and_staff_verify(course: Course) -> list[str]:
    attempt = course.running_attempt()
    answers = course.at_once(10 * [act(attempt.learner, attempt, "submit"), act(STAFF, attempt, "verify")])
    verified = [answer for answer in answers if answer.call.person is STAFF]
    final = row(attempt, course).status
    return (
        unexpected(verified, {200: 10})
        + others_than(answers, {200, 400})
        + ([] if final == "verified" else [f"the learner changed the verdict to {final}"])
    )


@scenario
def time_out_noticed_by_reads(course: Course) -> list[str]:
    attempt = course.running_attempt()
    began = timezone.now() - timedelta(hours=3)
    # The only stage that no request can set: time that has passed.
    ExamAttempt.objects.using(alias(course)).filter(pk=attempt.id).update(start_time=began)
    ExamAttempt.history.using(alias(course)).filter(id=attempt.id, start_time__isnull=False).update(start_time=began)
    learner, exam = attempt.learner, attempt.exam
    answers = course.at_once([*7 * [latest(learner)], *7 * [latest(learner, exam)], *6 * [look(learner, exam)]])
    over = row(attempt, course)
    findings = unexpected(answers, {200: 20})
    if over.status != "submitted":
        findings.append(f"time is over, and the attempt is {over.status}")
    if over.end_time != began + timedelta(minutes=60):
        findings.append(f"time was over at {began + timedelta(minutes=60)}, the end is {over.end_time}")
    return findings + [f"still running: {answer}" for answer in answers if b"started" in answer.content]


@scenario
def reset_and_submit(course: Course) -> list[str]:
    attempt = course.running_attempt()
    answers = course.at_once(10 * [reset(STAFF, attempt), act(attempt.learner, attempt, "submit")])
    resets = [answer for answer in answers if answer.call.method == "DELETE"]
    left = ExamAttempt.objects.using(alias(course)).filter(pk=attempt.id).exists()
    return (
        unexpected(resets, {204: 1, 400: 9})
        + others_than(answers, {200, 204, 400})
        + (["it is still there"] if left else [])
    )


@scenario
def practice_again_and_again(course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="practice"), course.learner(), "start", "submit")
    answers = course.at_once(20 * [act(attempt.learner, attempt, "reset_attempt")])
    left = list(
        ExamAttempt.objects.using(alias(course)).filter(exam_id=attempt.exam.id).values_list("status", "attempt_number")
    )
    return unexpected(answers, {200: 1, 400: 19}) + ([] if left == [("created", 2)] else [f"left are {left}"])


@scenario
def two_patches_of_one_course(course: Course) -> list[str]:
    first, second, third = map(course.content_id, ("first", "second", "third"))
    wishes = [
        [exam_body(first, time_limit_mins=30), exam_body(second, exam_type="proctored")],
        [exam_body(first, exam_type="practice"), exam_body(third)],
    ]
    # Some courses have exams already, others hear of their first ones twenty times at once.
    if int(course.run[1:]) % 2:
        course.exams(exam_body(first), exam_body(second))
    answers = course.at_once(10 * [course.patch_exams(*wish) for wish in wishes])
    fields = ("content_id", "exam_type", "time_limit_mins")
    active = set(ExamRow.objects.using(alias(course)).filter(course_id=course.id, is_active=True).values_list(*fields))
    wished = [{tuple(body[field] for field in fields) for body in wish} for wish in wishes]
    return unexpected(answers, {200: 20}) + (
        [] if active in wished else [f"the course is what neither asked for: {active}"]
    )


@scenario
def patch_and_create(course: Course) -> list[str]:
    exam = course.exam()
    learners = [course.learner() for _ in range(5)]
    patches = [course.patch_exams(exam_body(exam.content_id, exam_type=kind)) for kind in ("proctored", "timed")]
    answers = course.at_once([*5 * patches, *2 * [create(learner, exam) for learner in learners]])
    return unexpected(answers[:10], {200: 10}) + others_than(answers[10:], {200, 400})


@scenario
def provider_change_and_create(course: Course) -> list[str]:
    exam = course.exam(exam_type="proctored")
    learners = [course.learner() for _ in range(5)]
    course.service.expect(course.allow(learners[0], exam, 15), 200)
    changes = [course.patch_config(provider) for provider in PROVIDERS]
    answers = course.at_once([*5 * changes, *2 * [create(learner, exam, start=True) for learner in learners]])
    findings = unexpected(answers[:10], {204: 10}) + others_than(answers[10:], {200, 400})
    configuration = CourseExamConfiguration.objects.using(alias(course)).get(course_id=course.id)
    active = ExamRow.objects.using(alias(course)).get(course_id=course.id, is_active=True)
    if active.provider_id != configuration.provider_id:
        findings.append(f"the exam's provider is {active.provider_id}, the course's {configuration.provider_id}")
    allowed = StudentAllowance.objects.using(alias(course)).filter(
        exam=active, user__username=learners[0].username, extra_time_mins=15
    )
    return findings if allowed.count() == 1 else [*findings, "the allowance did not go over to the active exam"]


@scenario
def allowance_and_start(course: Course) -> list[str]:
    attempt = course.attempt(course.exam(), course.learner())
    answers = course.at_once(
        10 * [course.allow(attempt.learner, attempt.exam, 15), act(attempt.learner, attempt, "start")]
    )
    minutes = row(attempt, course).allowed_time_limit_mins
    return unexpected(answers, {200: 11, 400: 9}) + ([] if minutes == 75 else [f"{minutes} minutes instead of 60 + 15"])


@scenario
def limit_changed_and_start(course: Course) -> list[str]:
    exam = course.exam()
    attempts = [course.attempt(exam, course.learner()) for _ in range(10)]
    longer = course.patch_exams(exam_body(exam.content_id, time_limit_mins=90))
    answers = course.at_once(
        [call for attempt in attempts for call in (act(attempt.learner, attempt, "start"), longer)]
    )
    minutes = Counter(row(attempt, course).allowed_time_limit_mins for attempt in attempts)
    return unexpected(answers, {200: 20}) + ([] if minutes == {90: 10} else [f"minutes {dict(minutes)} and not 90"])


@scenario
def due_date_moved_later_and_start(course: Course) -> list[str]:
    soon, later = (timezone.now() + timedelta(minutes=minutes) for minutes in (30.5, 200))
    exam = course.exam(due_date=soon.isoformat())
    attempts = [course.attempt(exam, course.learner()) for _ in range(10)]
    change = course.patch_exams(exam_body(exam.content_id, due_date=later.isoformat()))
    answers = course.at_once(
        [call for attempt in attempts for call in (act(attempt.learner, attempt, "start"), change)]
    )
    minutes = Counter(row(attempt, course).allowed_time_limit_mins for attempt in attempts)
    return unexpected(answers, {200: 20}) + ([] if minutes == {60: 10} else [f"minutes {dict(minutes)} and not 60"])


@scenario
def clients_zero_while_paused_and_granted(course: Course) -> list[str]:
    attempt = course.running_attempt()
    began = timezone.now() - timedelta(minutes=59, seconds=40)
    # Two stages that no request of these can set: time that has passed, and a proctor's pause.
    stored = ExamAttempt.objects.using(alias(course)).filter(pk=attempt.id)
    stored.update(start_time=began, paused_at=timezone.now())
    ExamAttempt.history.using(alias(course)).filter(id=attempt.id, start_time__isnull=False).update(start_time=began)
    answers = course.at_once(
        10 * [course.allow(attempt.learner, attempt.exam, 15), act(attempt.learner, attempt, "submit")]
    )
    after = row(attempt, course)
    findings = unexpected(answers, {200: 20})
    if (after.status, after.allowed_time_limit_mins) != ("started", 75):
        findings.append(f"{after.status} with {after.allowed_time_limit_mins} minutes: handed in early, or not granted")
    return findings


@scenario
def clients_zero_and_a_grant_that_comes_too_late(course: Course) -> list[str]:
    attempt = course.running_attempt()
    began = timezone.now() - timedelta(minutes=60, seconds=5)
    ExamAttempt.objects.using(alias(course)).filter(pk=attempt.id).update(start_time=began)
    ExamAttempt.history.using(alias(course)).filter(id=attempt.id, start_time__isnull=False).update(start_time=began)
    answers = course.at_once(
        7 * [course.allow(attempt.learner, attempt.exam, 15), act(attempt.learner, attempt, "submit")]
        + 6 * [latest(attempt.learner)]
    )
    after = row(attempt, course)
    findings = unexpected(answers, {200: 20})
    if (after.status, after.end_time) != ("submitted", began + timedelta(minutes=60)):
        findings.append(f"{after.status} at {after.end_time}: left running past its end")
    return findings + [f"still running: {answer}" for answer in answers if b'"started"' in answer.content]


@scenario
def too_late_and_whatever_is_asked(course: Course) -> list[str]:
    attempt = course.running_attempt(exam_type="practice")
    began = timezone.now() - timedelta(hours=3)
    ExamAttempt.objects.using(alias(course)).filter(pk=attempt.id).update(start_time=began)
    ExamAttempt.history.using(alias(course)).filter(id=attempt.id, start_time__isnull=False).update(start_time=began)
    stop, start, error = (act(attempt.learner, attempt, action) for action in ("stop", "start", "error"))
    answers = course.at_once([*7 * [stop], *7 * [start], *6 * [error]])
    over = row(attempt, course)
    findings = unexpected(answers, {400: 20})
    return findings if over.status == "submitted" else [*findings, f"refused, and left {over.status}"]


@scenario
def a_newcomers_first_requests(course: Course) -> list[str]:
    newcomer = course.newcomer()
    answers = course.at_once(20 * [latest(newcomer)])
    users = (
        User.objects.using(alias(course)).filter(username=newcomer.username, lms_user_id=newcomer.lms_user_id).count()
    )
    return unexpected(answers, {200: 20}) + ([] if users == 1 else [f"{users} users of that name and id"])


@scenario
def somebodys_first_requests_under_two_names(course: Course) -> list[str]:
    """A learner is renamed in the LMS just as they come for the first time, with a token of each name."""
    newcomer = course.newcomer()
    renamed = replace(newcomer, username=f"{newcomer.username}-renamed")
    answers = course.at_once(10 * [latest(newcomer), latest(renamed)])
    users = User.objects.using(alias(course)).filter(lms_user_id=newcomer.lms_user_id).count()
    return unexpected(answers, {200: 20}) + ([] if users == 1 else [f"{users} users of that id"])


@scenario
def a_freed_name_and_its_old_owner(course: Course) -> list[str]:
    old = course.learner()
    heir = replace(course.newcomer(), username=old.username)
    renamed = replace(old, username=f"{old.username}-renamed")
    answers = course.at_once([*7 * [latest(heir), latest(renamed)], *6 * [latest(old)]])
    ids = (old.lms_user_id, heir.lms_user_id)
    found = Counter(User.objects.using(alias(course)).filter(lms_user_id__in=ids).values_list("lms_user_id", flat=True))
    return unexpected(answers, {200: 20}) + ([] if found == dict.fromkeys(ids, 1) else [f"rows by id: {found}"])


@scenario
def type_toggled_while_learners_start_and_submit(course: Course) -> list[str]:
    exam = course.exam()
    attempts = [course.attempt(exam, course.learner()) for _ in range(20)]
    patches = [course.patch_exams(exam_body(exam.content_id, exam_type=kind)) for kind in ("practice", "timed")]
    answers = course.at_once([*3 * patches, *_start_and_submit(attempts)])
    findings = others_than(answers[6:], {200, 400}) + unexpected(answers[:6], {200: 6})
    course.service.expect(patches[1], 200)
    again = [create(attempt.learner, exam, start=True) for attempt in attempts]
    return findings + unexpected(course.at_once(again), {400: 20})  # the same instance, with their attempts


@scenario
def provider_there_and_back_while_learners_take_the_exam(course: Course) -> list[str]:
    course.service.expect(course.patch_config(PROVIDERS[0]), 204)
    exam = course.exam(exam_type="practice")
    attempts = [course.attempt(exam, course.learner()) for _ in range(20)]
    changes = [course.patch_config(provider) for provider in reversed(PROVIDERS)]
    answers = course.at_once([*3 * changes, *_start_and_submit(attempts)])
    findings = others_than(answers[6:], {200, 400}) + unexpected(answers[:6], {204: 6})
    course.service.expect(course.patch_config(PROVIDERS[0]), 204)
    active = ExamRow.objects.using(alias(course)).get(course_id=course.id, is_active=True)
    rows = ExamRow.objects.using(alias(course)).filter(course_id=course.id)
    if active.pk != exam.id or rows.count() != 2 or rows.values("resource_id").distinct().count() != 1:
        findings.append(f"active is {active.pk}, not {exam.id}, of {rows.count()} rows")
    again = [create(attempt.learner, exam) for attempt in attempts]
    return findings + unexpected(course.at_once(again), {400: 20})


def _start_and_submit(attempts: list[Attempt]) -> list[Call]:
    return [act(attempt.learner, attempt, action) for attempt in attempts for action in ("start", "submit")]


@scenario
def rows_of_one_exam_begun_at_once(course: Course) -> list[str]:
    """The earlier service left two rows of one exam, and two active exams of one content where the database let it."""
    older = course.exam("older")
    learners = [course.learner() for _ in range(2)]
    waiting = course.attempt(older, learners[1])
    exam = course.exam()
    row = ExamRow.objects.using(alias(course)).filter(pk=older.id)
    row.update(content_id=exam.content_id, is_active=not course.service.database.is_sqlite)
    answers = course.at_once(10 * [create(learners[0], any_row, start=True) for any_row in (older, exam)])
    starts = [act(learners[1], waiting, "start"), create(learners[1], exam, start=True)]
    others = course.at_once(10 * starts)
    row.update(content_id=older.content_id, is_active=False)
    return unexpected(answers, {200: 1, 400: 19}) + unexpected(others, {200: 1, 400: 19})


@scenario
def older_tokens_and_the_one_that_took_rights_away(course: Course) -> list[str]:
    person = course.learner()
    now = int(time.time())
    path = f"exams/course_id/{course.id}"
    before, after = (
        Call("GET", path, headers=person.authorization("RS512", administrator=is_staff, iat=now - age))
        for is_staff, age in ((True, 60), (False, 30))
    )
    course.service.expect(before, 200)
    answers = course.at_once(10 * [before, after])
    findings = others_than(answers, {200, 403}) + unexpected(answers[1::2], {403: 10})
    return findings + unexpected(course.at_once(20 * [before]), {403: 20})


@pytest.fixture(scope="module")
def migrated_mariadb(mariadb: MariaDB) -> Database:
    mariadb.create_database("simultaneous")
    database = on_mariadb(mariadb, "simultaneous")
    database.set_up()
    return database


@pytest.fixture(scope="module", params=["MariaDB, read committed", "MariaDB, repeatable read", "SQLite"])
def service(
    request: pytest.FixtureRequest,
    service_on: ServiceOn,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Service]:
    """The service on each database in turn, with two proctoring providers, read by this process too."""
    match request.param:
        case "SQLite":
            database = on_sqlite(tmp_path_factory.mktemp("sqlite") / "exams.sqlite3")
            database.set_up()
        case "MariaDB, read committed":
            request.getfixturevalue("migrated_mariadb")
            database = on_mariadb(request.getfixturevalue("mariadb"), "simultaneous", "read committed")
        case _:
            request.getfixturevalue("migrated_mariadb")
            database = on_mariadb(request.getfixturevalue("mariadb"), "simultaneous", "repeatable read")
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        for name in PROVIDERS:
            ProctoringProvider.objects.using(database.alias).get_or_create(name=name, defaults={"verbose_name": name})
        yield service
    service.stop()


@pytest.mark.parametrize("scene", SCENARIOS, ids=lambda scene: scene.__name__)
def test_simultaneous_requests_leave_no_anomaly(
    scene: Scenario, service: Service, tally: Tally, request: pytest.FixtureRequest
) -> None:
    database = request.node.callspec.params["service"]
    line = tally.line(database, scene.__name__.replace("_", " "))
    for _ in range(ROUNDS):
        course = Course(service)
        findings = scene(course)
        line.add(course.answers, findings + anomalies(course.id, service.database.alias))
    assert not line.anomalies, "\n".join([*line.anomalies[:20], f"{len(line.anomalies)} in all", service.log_tail()])


def test_sweeps_and_learners_at_once_submit_each_attempt_once(service: Service) -> None:
    """Attempts that are out of time when three sweeps come, in small batches, while the learners themselves look."""
    course = Course(service)
    exam = course.exam(time_limit_mins=0)
    attempts = [course.attempt(exam, course.learner(), "start") for _ in range(60)]
    with ThreadPoolExecutor() as sweeps:
        done = [
            sweeps.submit(service.database.manage, "submit_timed_out_attempts", "--batch-size", "7") for _ in range(3)
        ]
        answers = course.at_once([latest(attempt.learner, exam) for attempt in attempts[:20]])
    ended = [sweep.result() for sweep in done]
    assert [sweep.returncode for sweep in ended] == [0, 0, 0], ended
    assert {answer.status for answer in answers} == {200}
    # What one sweep found held by another, it has left.
    assert service.database.manage("submit_timed_out_attempts").returncode == 0
    statuses = ExamAttempt.objects.using(service.database.alias).filter(exam_id=exam.id)
    assert Counter(statuses.values_list("status", flat=True)) == {"submitted": 60}
    assert not anomalies(course.id, service.database.alias)


WORDS: Final = ("May use a calculator.", "Paper is allowed. 📝")


def bulk_allowances(course: Course) -> list[str]:
    """Twenty requests at once, most of them for a thousand pairs, while learners sit and start exams."""
    people_in_all, exams_in_all = (10, 5) if course.service.database.is_sqlite else (50, 20)
    exams = course.exams(*(exam_body(course.content_id(f"exam{number}")) for number in range(exams_in_all)))
    sitting = [course.attempt(exams[number], course.learner(), "start") for number in range(4)]
    starting = [course.attempt(exams[number], course.learner()) for number in range(4)]
    names = [attempt.learner.username for attempt in (*sitting, *starting)]
    names += [f"{course.run}-learner-{number}" for number in range(people_in_all - len(names))]
    User.objects.using(alias(course)).bulk_create(User(username=name) for name in names[8:])
    exam_ids = [exam.id for exam in exams]

    def give(kind: str, value: object, *, backwards: bool = False) -> Call:
        people, ids = ["nobody", *names], [*exam_ids, 2**31 - 1]
        if backwards:
            people, ids = people[::-1], ids[::-1]
        body = {"user_ids": people, "exam_ids": ids, "allowance_type": kind, "value": value}
        return Call("POST", f"/api/instructor/v2/courses/{course.id}/special_exams/allowances", STAFF, body)

    grants = [
        *(give("time_multiplier", 1.5, backwards=bool(turn % 2)) for turn in range(6)),
        *(give("additional_time_granted", 20, backwards=bool(turn % 2)) for turn in range(6)),
        *(give("review_policy_exception", WORDS[turn % 2], backwards=bool(turn % 2)) for turn in range(4)),
    ]
    answers = course.at_once([*grants, *(act(attempt.learner, attempt, "start") for attempt in starting)])
    findings = unexpected(answers, {200: 20})
    wrong = [
        f"wrong result: {result}"
        for answer in answers[: len(grants)]
        if answer.status == 200
        for result in answer.json["results"]
        if result["success"] != (result["identifier"] != "nobody" and result["exam_id"] in exam_ids)
    ]
    rows = StudentAllowance.objects.using(alias(course)).filter(exam_id__in=exam_ids).select_related("exam")
    kinds = Counter((held.extra_time_mins, held.time_multiplier, held.review_policy_exception) for held in rows)
    if len(kinds) != 1 or sum(kinds.values()) != people_in_all * exams_in_all:
        findings.append(f"allowances are not those of the last request of each kind: {kinds}")
    owed = 60 + extra_minutes(rows[0], 60)
    minutes = [row(attempt, course).allowed_time_limit_mins or 0 for attempt in (*sitting, *starting)]
    if minutes[:4] != [90] * 4 or not all(owed <= has <= 90 for has in minutes[4:]):
        findings.append(f"running attempts have {minutes} minutes; owed were 90, and {owed} at least")
    return findings + wrong[:5]


def test_bulk_allowances_at_once_leave_no_anomaly(
    service: Service, tally: Tally, request: pytest.FixtureRequest
) -> None:
    line = tally.line(request.node.callspec.params["service"], "bulk allowances")
    for _ in range(BULK_ROUNDS):
        course = Course(service)
        findings = bulk_allowances(course)
        line.add(course.answers, findings + anomalies(course.id, service.database.alias))
    assert not line.anomalies, "\n".join([*line.anomalies[:20], f"{len(line.anomalies)} in all", service.log_tail()])


def test_each_database_sorts_the_dashboards_lists(service: Service) -> None:
    course = Course(service)
    attempt = course.running_attempt()
    base = f"/api/instructor/v2/courses/{course.id}/special_exams"
    people = {"user_ids": [attempt.learner.username]}
    for kind, value in (("review_policy_exception", WORDS[1] * 100), ("time_multiplier", "1.10")):
        grant = people | {"allowance_type": kind, "value": value}
        service.expect(Call("POST", f"{base}/{attempt.exam.id}/allowance", STAFF, grant), 200)
    for orderings, path, found in ((ATTEMPT_ORDERINGS, "attempts", 1), (ALLOWANCE_ORDERINGS, "allowances", 2)):
        for ordering in orderings:
            for sign in ("", "-"):
                query = f"?ordering={sign}{ordering}&search={attempt.learner.username.upper()}"
                answer = service.expect(Call("GET", f"{base}/{path}{query}", STAFF), 200)
                assert answer.json["count"] == len(answer.json["results"]) == found, answer
