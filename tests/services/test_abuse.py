# SPDX-License-Identifier: AGPL-3.0-only
"""
Bad input, sent to the real server: the answer is JSON and no 5xx, and a refusal changes nothing.

Also the database going away under the service, and a lock that another holds on to.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

import jwt
import pytest
from django.db import connections, transaction
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import CourseStaffRole, ExamAttempt, User
from tests.services.conftest import ServiceOn
from tests.services.courses import STAFF, Attempt, Course, Exam, act, create, exam_body, latest
from tests.services.databases import Database, on_mariadb, on_sqlite
from tests.services.mariadb import MariaDB
from tests.services.server import Answer, Call, Service
from tests.services.tables import Columns, changed, columns, rows
from tests.tokens import AUDIENCE, ISSUER, SECRET, Person

pytestmark = pytest.mark.services

MEGABYTE: Final = 1_000_000

# Who there is

NOBODY: Final = "nobody"
LEARNER: Final = "learner"
OTHER_LEARNER: Final = "other learner"
WITHOUT_ID: Final = "user without lms_user_id"
OTHER_STAFF: Final = "staff of another course"
COURSE_STAFF: Final = "staff"
GLOBAL_STAFF: Final = "global staff"

ROLES: Final = (NOBODY, LEARNER, OTHER_LEARNER, WITHOUT_ID, OTHER_STAFF, COURSE_STAFF, GLOBAL_STAFF)
EVERYBODY: Final = frozenset(ROLES) - {NOBODY}
THE_STAFF: Final = frozenset({COURSE_STAFF, GLOBAL_STAFF})

# What there is

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Endpoint:
    """A path, and who may use which method of it."""

    path: str
    allowed: Mapping[str, frozenset[str]]


ENDPOINTS: Final = (
    Endpoint("exams/course_id/{course}", {"GET": THE_STAFF, "PATCH": THE_STAFF}),
    Endpoint("configs/course_id/{course}", {"GET": EVERYBODY, "PATCH": THE_STAFF}),
    Endpoint("providers", {"GET": EVERYBODY}),
    Endpoint("provider", {"GET": EVERYBODY}),
    # Course staff see the exam, the learner's clock runs, the others' time has not come.
    Endpoint("access_tokens/exam_id/{exam}", {"GET": THE_STAFF | {LEARNER}}),
    Endpoint("exams/attempt", {"POST": EVERYBODY}),
    Endpoint("exams/attempt/{attempt}", {"PUT": THE_STAFF | {LEARNER}, "DELETE": THE_STAFF}),
    Endpoint("exams/attempt/latest", {"GET": EVERYBODY}),
    Endpoint("instructor_view/course_id/{course}/attempts", {"GET": THE_STAFF}),
    Endpoint("student/exam/attempt/course_id/{course}/content_id/{content}", {"GET": EVERYBODY}),
    Endpoint("exam/provider_settings/course_id/{course}/exam_id/{exam}", {"GET": EVERYBODY}),
    Endpoint("exams/course_id/{course}/allowances", {"GET": THE_STAFF, "POST": THE_STAFF}),
    Endpoint("exams/course_id/{course}/allowances/{allowance}", {"DELETE": THE_STAFF}),
)

# What nobody should send

WEIRD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, -0.0, 2**31, 2**32, 2**63, 2**64, 10**400, 1e308, float("inf"), float("nan"),
    "", " ", "0", "-1", "1e400", "NaN", "null", "\x00", "a\x00b", "\ud800", "x\udfff", "\u202e", "💥", "é" * 256,
    "x" * MEGABYTE,
    [], [[]], [None], {}, {"": ""}, {"id": {"id": []}}, [{}] * 1000,
    "2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0000-00-00",
    "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z",
    "<script>alert(1)</script>", "'; DROP TABLE core_user; --", "%s%n", "{0}", "../../etc/passwd",
)  # fmt: skip

WEIRD_QUERY_VALUES: Final = (
    "", "0", "-1", "1e400", "NaN", "2147483648", "9223372036854775808", "9" * 400, "abc", "%00", "%FF%FE",
    "%ED%A0%80", "%", "%zz", "%27", "x" * 3000,
    "%F0%9F%92%A5", "%5B%5D", "null", "-", "--id", "user__password", "__class__", "a,b,,", "%D9%A1", "1%0A", "+1",
    "block-v1:x", "i4x://", "csv", "xml",
)  # fmt: skip

WEIRD_PATH_VALUES: Final = (
    "0", "-1", "+1", "1.5", "2147483648", "9223372036854775808", "9" * 400, "12abc", "%00", "%FF", "%ED%A0%80", "%0A",
    "1%0A", "%D9%A1", "null", "..", "%2e%2e%2f",
    "a/b/c/d", "course-v1:A+B", "course-v1:A+B+C+D", "course-v1:A+B+C%0A", "x" * 300, "x" * 3000, "%F0%9F%92%A5",
    "%27%22%3C%3E", "block-v1:A+B+C", "i4x://A/B",
)  # fmt: skip

JSON: Final = {"Content-Type": "application/json"}
WEIRD_BODIES: Final[tuple[tuple[bytes, Mapping[str, str]], ...]] = (
    *((body, JSON) for body in (
        b"", b" ", b"{", b"]", b"{}", b"[]", b"[[]]", b"[null]", b"[1, 2]", b"null", b"true", b"0", b'"text"', b"nul",
        b"NaN", b"[NaN]", b"-Infinity",
        b"1e400", b"[1e400]", b"1" * 5000, b'"\\ud800"', b'{"\\ud800": 1}', b'{"\\u0000": 1}', b'{"a": 1, "a": 2}',
        b'["\\', b"\x00", b"\xff\xfe\xfd",
        b'{"x": "\xff"}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "[]".encode("utf-32"), b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000, b'"' + b"x" * MEGABYTE + b'"', b"[" + b"0," * 500_000 + b"0]",
    )),
    *((b"{}", {"Content-Type": kind}) for kind in (
        "", "text/plain", "application/xml", "application/octet-stream", "json", "*/*", ";",
        "application/json; charset=utf-99", "application/json; charset=utf-16",
        "application/json; charset=\xff", "multipart/form-data", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    )),
    (b"action=submit&exam_id=1&provider=&escalation_email=", {"Content-Type": "application/x-www-form-urlencoded"}),
    (b"--x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nsubmit\r\n--x--\r\n",
    {"Content-Type": "multipart/form-data; boundary=x"}),
    (b"--x\r\nContent-Disp", {"Content-Type": "multipart/form-data; boundary=x"}),
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A service, people of each role, and a course with an exam, an allowance and the learner's running attempt."""

    service: Service
    people: Mapping[str, Person | None]
    course: Course
    exam: Exam
    attempt: Attempt
    allowance_id: int
    watched: Columns

    @property
    def alias(self) -> str:
        return self.service.database.alias

    def path(self, template: str, **changes: str) -> str:
        """An endpoint's path with what there is; ``changes`` put something else in place."""
        values = {
            "course": self.course.id,
            "content": self.exam.content_id,
            "exam": self.exam.id,
            "attempt": self.attempt.id,
            "allowance": self.allowance_id,
        }
        return template.format(**values | changes)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in the service's tables."""
        return rows(self.alias, self.watched)

    def offences(self, calls: Iterator[Call] | list[Call]) -> list[str]:
        """Make requests one by one; whatever is not as it must be, in words."""
        found: list[str] = []
        before = self.rows()
        for call in calls:
            answer = self.service.call(call)
            found += [f"{offence}: {answer}" for offence in offences(answer)]
            after = self.rows()
            if answer.status >= 400 and after != before:
                found.append(f"refused, yet changed: {answer}\n{changed(before, after)[:1000]}")
            before = after
        return found

    def nothing_wrong(self, calls: Iterator[Call] | list[Call]) -> None:
        """Make requests one by one and fail if anything is not as it must be."""
        found = self.offences(calls)
        assert not found, "\n".join([*found[:20], f"{len(found)} in all", self.service.log_tail()])


def offences(answer: Answer) -> Iterator[str]:
    """Find what is wrong with an answer, whatever was asked."""
    if answer.status >= 500:
        yield "5xx"
    if answer.status >= 400:
        if not answer.headers.get("content-type", "").startswith("application/json"):
            yield "no JSON"
        elif not answer.detail:
            yield "no detail"


@pytest.fixture(scope="module", params=["MariaDB", "SQLite"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A migrated database, on each kind of server in turn."""
    if request.param == "SQLite":
        database = on_sqlite(tmp_path_factory.mktemp("abuse") / "exams.sqlite3")
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        mariadb.create_database("abuse")
        database = on_mariadb(mariadb, "abuse", "repeatable read")
    database.set_up()
    return database


@pytest.fixture(scope="module")
def stage(database: Database, service_on: ServiceOn, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        yield set_stage(service)
    service.stop()


def set_stage(service: Service) -> Stage:
    alias = service.database.alias
    course = Course(service)
    exam = course.exam()
    people: dict[str, Person] = {role: course.learner() for role in (LEARNER, OTHER_LEARNER, OTHER_STAFF, COURSE_STAFF)}
    people |= {WITHOUT_ID: Person(f"worker-{course.run}"), GLOBAL_STAFF: STAFF}
    service.expect(Call("GET", "providers", people[WITHOUT_ID]), 200)
    for role, course_id in ((COURSE_STAFF, course.id), (OTHER_STAFF, f"{course.id}-other")):
        user = User.objects.using(alias).get(username=people[role].username)
        CourseStaffRole.objects.using(alias).create(user=user, course_id=course_id, role="staff")
    service.expect(course.allow(people[LEARNER], exam, 10), 200)
    allowance = service.get(f"exams/course_id/{course.id}/allowances", STAFF).json[0]["id"]
    attempt = course.attempt(exam, people[LEARNER], "start")
    watched = {
        table: names for table, names in columns(alias).items() if table.startswith(("core_", "exams_", "events_"))
    }
    return Stage(service, {NOBODY: None, **people}, course, exam, attempt, allowance, watched)


# Who may do what


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_who_may_not_is_refused_and_nothing_changes(endpoint: Endpoint, stage: Stage) -> None:
    found = []
    before = stage.rows()
    for method in METHODS:
        for role, person in stage.people.items():
            allowed = endpoint.allowed.get(method)
            if allowed is not None and role in allowed:
                continue
            call = Call(method, stage.path(endpoint.path), person, _plausible_body(stage, endpoint.path))
            answer = stage.service.call(call)
            found += [f"{offence}: {answer}" for offence in offences(answer)]
            # A method that there is not is refused as such at the latest to those who may use the others.
            expected = {401} if person is None else {403} if allowed is not None else {403, 405}
            if person is None and allowed is None:
                expected = {401, 405}
            if allowed is None and role in frozenset().union(*endpoint.allowed.values()) & frozenset.intersection(
                *endpoint.allowed.values()
            ):
                expected = {405}
            if answer.status not in expected:
                found.append(f"{sorted(expected)} expected for {role}: {answer}")
    assert not changed(before, stage.rows())
    assert not found, "\n".join(found)


def _plausible_body(stage: Stage, path: str) -> Any:
    if path.endswith("{course}"):
        return (
            [exam_body(stage.exam.content_id)]
            if path.startswith("exams")
            else {"provider": None, "escalation_email": None}
        )
    if path.endswith("allowances"):
        return [{"username": stage.attempt.learner.username, "exam_id": stage.exam.id, "extra_time_mins": 90}]
    return {"exam_id": stage.exam.id, "action": "submit"}


def test_a_learner_may_not_wipe_a_timed_exam(stage: Stage) -> None:
    before = stage.rows()
    answer = stage.service.call(Call("DELETE", stage.path("exams/attempt/{attempt}"), stage.people[LEARNER]))
    assert (answer.status, bool(answer.detail)) == (403, True)
    assert stage.rows() == before


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW"])
def test_methods_out_of_the_ordinary_break_nothing(method: str, stage: Stage) -> None:
    before = stage.rows()
    for endpoint in ENDPOINTS:
        answer = stage.service.call(Call(method, stage.path(endpoint.path), STAFF))
        assert answer.status < 500, f"{answer}\n{stage.service.log_tail()}"
    assert stage.rows() == before


# Bodies


@dataclass(frozen=True)
class Write:
    """A request with a body, and its fields."""

    method: str
    path: str
    role: str
    fields: tuple[str, ...]
    listed: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def call(self, stage: Stage, body: Any, headers: Mapping[str, str] | None = None) -> Call:
        return Call(self.method, stage.path(self.path), stage.people[self.role], body, headers or {})

    def good_body(self, stage: Stage) -> dict[str, Any]:
        possible = {
            **exam_body(stage.exam.content_id),
            "provider": None,
            "escalation_email": None,
            "username": stage.attempt.learner.username,
            "email": f"{stage.attempt.learner.username}@example.com",
            "exam_id": stage.exam.id,
            "extra_time_mins": 10,
            "start_clock": "false",
            "attempt_proctored": "false",
            "action": "stop",
            "detail": "why",
        }
        return {name: possible[name] for name in self.fields}


WRITES: Final = (
    Write("PATCH", "exams/course_id/{course}", GLOBAL_STAFF, tuple(exam_body("")), listed=True),
    Write("PATCH", "configs/course_id/{course}", COURSE_STAFF, ("provider", "escalation_email")),
    Write(
        "POST",
        "exams/course_id/{course}/allowances",
        COURSE_STAFF,
        ("username", "exam_id", "extra_time_mins"),
        listed=True,
    ),
    Write(
        "POST",
        "exams/course_id/{course}/allowances",
        COURSE_STAFF,
        ("email", "exam_id", "extra_time_mins"),
        listed=True,
    ),
    Write("POST", "exams/attempt", OTHER_LEARNER, ("exam_id", "start_clock", "attempt_proctored")),
    Write("PUT", "exams/attempt/{attempt}", LEARNER, ("action", "detail")),
    Write("PUT", "exams/attempt/{attempt}", GLOBAL_STAFF, ("action",)),
)


@pytest.mark.parametrize("write", WRITES, ids=str)
def test_weird_values_in_any_field_change_nothing_or_are_taken(write: Write, stage: Stage) -> None:
    # On a stage of its own: what is taken may change the course.
    stage = set_stage(stage.service)

    def calls() -> Iterator[Call]:
        good = write.good_body(stage)
        for field in write.fields:
            for body in chain(
                ({**good, field: value} for value in WEIRD_VALUES),
                [{name: good[name] for name in good if name != field}],
            ):
                yield write.call(stage, [body] if write.listed else body)
        for value in WEIRD_VALUES:
            yield write.call(stage, value)
            yield write.call(stage, [value])
            yield write.call(stage, {**good, "unknown": value})

    stage.nothing_wrong(calls())


@pytest.mark.parametrize("write", WRITES[:3] + WRITES[4:6], ids=str)
def test_bodies_that_are_no_json_change_nothing(write: Write, stage: Stage) -> None:
    stage = set_stage(stage.service)
    stage.nothing_wrong(write.call(stage, body, headers) for body, headers in WEIRD_BODIES)


def test_a_list_of_exams_is_taken_whole_or_not_at_all(stage: Stage) -> None:
    course = Course(stage.service)
    first = course.exam("first")
    good = exam_body(first.content_id, exam_name="renamed")
    for bad in (
        exam_body("no usage key"),
        exam_body(course.content_id("second"), time_limit_mins=-1),
        exam_body(first.content_id),
    ):
        before = stage.rows()
        answer = stage.service.expect(course.patch_exams(good, bad), 400)
        assert answer.detail
        assert stage.rows() == before


# Paths and queries

QUERIES: Final = {
    "instructor_view/course_id/{course}/attempts": (
        "exam_id",
        "limit",
        "offset",
        "search",
        "status",
        "ordering",
        "format",
        "include",
        "unknown",
    ),
    "exams/attempt/latest": ("content_id", "unknown"),
    "providers": ("org", "format"),
    "exams/course_id/{course}": ("limit", "format"),
    "exams/course_id/{course}/allowances": ("limit", "ordering"),
}


@pytest.mark.parametrize("path", QUERIES)
def test_weird_query_values_break_nothing(path: str, stage: Stage) -> None:
    stage.nothing_wrong(
        Call("GET", f"{stage.path(path)}?{name}={value}", STAFF)
        for name in QUERIES[path]
        for value in WEIRD_QUERY_VALUES
    )


@pytest.mark.parametrize(
    "endpoint", [endpoint for endpoint in ENDPOINTS if "{" in endpoint.path], ids=lambda endpoint: endpoint.path
)
def test_weird_paths_break_nothing(endpoint: Endpoint, stage: Stage) -> None:
    names = [name for name in ("course", "content", "exam", "attempt", "allowance") if f"{{{name}}}" in endpoint.path]
    stage.nothing_wrong(
        Call(
            method,
            stage.path(endpoint.path, **{name: value}),
            STAFF,
            None if method in {"GET", "DELETE"} else _plausible_body(stage, endpoint.path),
        )
        for method in endpoint.allowed
        for name in names
        for value in WEIRD_PATH_VALUES
    )


def test_a_path_goes_no_further_than_it_says(stage: Stage) -> None:
    for path in (
        "exams/course_id/{course}/allowances/{allowance}abc",
        "exams/attempt/{attempt}abc",
        "exams/attempt/{attempt}/x",
        "x",
        "",
    ):
        answer = stage.service.call(Call("DELETE", stage.path(path), STAFF))
        assert (answer.status, bool(answer.detail)) == (404, True), answer


def test_a_trailing_slash_makes_no_difference(stage: Stage) -> None:
    for endpoint in ENDPOINTS:
        if "GET" in endpoint.allowed:
            path = stage.path(endpoint.path)
            assert stage.service.get(f"{path}/", STAFF).status == stage.service.get(path, STAFF).status == 200, path


def test_a_course_id_may_be_percent_encoded(stage: Stage) -> None:
    raw = stage.service.get(stage.path("exams/course_id/{course}"), STAFF)
    encoded = stage.service.get(stage.path("exams/course_id/{course}", course=quote(stage.course.id, safe="")), STAFF)
    assert raw.json == encoded.json != []


# Tokens


def unsigned(person: Person) -> str:
    return jwt.encode(person.claims(), "", algorithm="none")


BAD_CREDENTIALS: Final[Mapping[str, Callable[[], str]]] = {
    "forged": lambda: jwt.encode(STAFF.claims(), SECRET.swapcase(), "HS256"),
    "expired": lambda: STAFF.token(exp=1),
    "wrong issuer": lambda: STAFF.token(iss=f"{ISSUER}x"),
    "wrong audience": lambda: STAFF.token(aud=f"{AUDIENCE}x"),
    "algorithm none": lambda: unsigned(STAFF),
    "nameless": lambda: STAFF.token(preferred_username=None),
    "without expiry": lambda: STAFF.token(exp=None),
    "no JWT": lambda: "a.b.c",
    "two": lambda: f"{STAFF.token()} {STAFF.token()}",
    "empty": lambda: "",
    "bytes": lambda: "\xff\xfe.\xff.\xff",
    "long": lambda: "x" * 6000,
}


@pytest.mark.parametrize("what", BAD_CREDENTIALS)
def test_bad_credentials_are_no_credentials(what: str, stage: Stage) -> None:
    before = stage.rows()
    for endpoint in ENDPOINTS:
        for method in endpoint.allowed:
            call = Call(
                method, stage.path(endpoint.path), headers={"Authorization": f"JWT {BAD_CREDENTIALS[what]()}".strip()}
            )
            answer = stage.service.call(call)
            assert (answer.status, list(offences(answer))) == (401, []), f"{answer}\n{stage.service.log_tail()}"
    assert stage.rows() == before


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "x" * 200}, {"preferred_username": "a\x00b"}, {"preferred_username": 5},
        {"preferred_username": ["a"]},
        {"user_id": "abc"}, {"user_id": 2**31}, {"user_id": 2**63}, {"user_id": []}, {"email": "x" * 300},
        {"email": 7}, {"name": "x" * 300},
        {"administrator": "maybe"}, {"name": {"a": 1}}, {"name": "\ud800"},
    ],
    ids=lambda claims: json.dumps(claims)[:40],
)  # fmt: skip
def test_a_well_signed_token_with_odd_claims_breaks_nothing(claims: dict[str, Any], stage: Stage) -> None:
    person = Person("odd", lms_user_id=600)
    for call in (Call("GET", "exams/attempt/latest"), create(person, stage.exam)):
        answer = stage.service.call(
            Call(call.method, call.path, body=call.body, headers=person.authorization(**claims))
        )
        assert not list(offences(answer)), f"{answer}\n{stage.service.log_tail()}"


# The database


@pytest.fixture
def own_mariadb(tmp_path_factory: pytest.TempPathFactory, mariadb: MariaDB) -> Iterator[MariaDB]:
    """A server that a test may stop. (That there is one on this machine is for the fixture ``mariadb`` to say.)"""
    server = MariaDB(tmp_path_factory.mktemp("own"), options=["--innodb-lock-wait-timeout=1"])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_service(own_mariadb: MariaDB, service_on: ServiceOn) -> Iterator[Service]:
    own_mariadb.create_database("own")
    database = on_mariadb(own_mariadb, "own")
    database.set_up()
    service = service_on(database)
    yield service
    service.stop()


def assert_unavailable(answer: Answer, service: Service) -> None:
    assert answer.status == 503, f"{answer}\n{service.log_tail()}"
    assert answer.detail
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_database_it_is_503_until_the_database_is_back(own_mariadb: MariaDB, own_service: Service) -> None:
    service, course = own_service, Course(own_service)
    attempt = course.running_attempt()
    learner = attempt.learner
    calls = [
        latest(learner),
        act(learner, attempt, "submit"),
        create(learner, attempt.exam),
        course.patch_exams(),
        Call("GET", f"exams/course_id/{course.id}", STAFF),
    ]
    # All workers hold a connection that the server will close.
    assert {answer.status for answer in service.at_once(20 * [latest(learner)])} == {200}
    own_mariadb.stop()
    for answer in service.at_once(4 * calls):
        assert_unavailable(answer, service)
    health = service.get("/health/")
    assert (health.status, health.json["overall_status"]) == (503, "UNAVAILABLE")
    own_mariadb.start()
    for answer in service.at_once(20 * [latest(learner)]):
        assert (answer.status, answer.json["attempt_status"]) == (200, "started"), f"{answer}\n{service.log_tail()}"
    assert service.get("/health/").status == 200


def test_a_lock_that_cannot_be_had_is_503_and_nothing_half_done(own_service: Service) -> None:
    service, course = own_service, Course(own_service)
    attempt = course.running_attempt()
    submit = act(attempt.learner, attempt, "submit")
    with ExitStack() as stack:
        stack.enter_context(service.database.connected())
        alias = service.database.alias
        watched = {table: names for table, names in columns(alias).items() if table.startswith(("exams_", "events_"))}
        before = rows(alias, watched)
        with transaction.atomic(using=alias):
            # Whatever order the service locks in, it comes past one of these.
            list(User.objects.using(alias).select_for_update().filter(username=attempt.learner.username))
            list(ExamAttempt.objects.using(alias).select_for_update().filter(pk=attempt.id))
            assert_unavailable(service.call(submit), service)
        assert rows(alias, watched) == before
        assert service.call(submit).status == 200


def test_a_sqlite_file_that_another_holds_is_503_and_nothing_half_done(
    tmp_path_factory: pytest.TempPathFactory, service_on: ServiceOn
) -> None:
    database = on_sqlite(tmp_path_factory.mktemp("held") / "held.sqlite3", lock_seconds=0.5)
    database.set_up()
    service = service_on(database)
    course = Course(service)
    attempt = course.running_attempt()
    submit = act(attempt.learner, attempt, "submit")
    with ExitStack() as stack:
        stack.callback(service.stop)
        stack.enter_context(database.connected())
        watched = columns(database.alias)
        before = rows(database.alias, watched)
        with transaction.atomic(using=database.alias), connections[database.alias].cursor() as cursor:
            cursor.execute("UPDATE core_user SET last_name = last_name")
            assert_unavailable(service.call(submit), service)
        assert rows(database.alias, watched) == before
        assert service.call(submit).status == 200
