# SPDX-License-Identifier: AGPL-3.0-only
"""Bad input in every field of every body: JSON that says why it is refused, and no row changed."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
from django.conf import settings
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, CONTENT_ID, assert_refused, exam_item, send
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    running_attempt,
)

pytestmark = pytest.mark.django_db

# Values as JSON text, for not all of them survive being a Python value.

MEGABYTE: Final = 1_000_000
TEXT_THAT_NO_DATABASE_TAKES: Final = (r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"x\udfff"')
CONTAINERS: Final = ("[]", "[[]]", "{}", '{"a": {"b": []}}', "[null]", f"[{'{},' * 1000}{{}}]")
NO_JSON: Final = ("NaN", "Infinity", "-Infinity", "1" * 5000, "[" * 20_000 + "]" * 20_000, "nul", "'x'", "01", '"\x01"')
#: Wrong in every field.
ALWAYS_WRONG: Final = (*TEXT_THAT_NO_DATABASE_TAKES, *CONTAINERS, *NO_JSON, f'"{"x" * MEGABYTE}"')
HUGE: Final = ("2147483648", "9223372036854775808", "18446744073709551616", "1e400", "-1e400", "1e308", "1" + "0" * 400)

#: What is wrong beside in a field of a kind.
WRONG: Final[Mapping[str, tuple[str, ...]]] = {
    "whole number": (*HUGE, "null", "true", "false", "-1", "1.5", '""', '" "', '"abc"', '"1e400"', '"٣x"'),
    "number": (*HUGE, "null", "true", "false", "-1", "-0.001", '""', '"abc"', '"1e400"', '"NaN"', '"Infinity"'),
    "text": (*HUGE, "null", "true", "false", "5", "1.5", '""'),
    "text or null": (*HUGE, "true", "false", "5", "1.5", '""'),
    "boolean": ("null", "2", "-1", "1.5", "1e400", "2147483648", '""', '"maybe"', '"2"'),
    "moment": (
        *HUGE, "true", "0", "5", '""', '"soon"', '"2026-01-01"', '"12:00:00Z"',
        '"2026-01-01T00:00:00"', '"2026-02-30T00:00:00Z"', '"2026-01-01T25:00:00Z"', '"2026-13-01T00:00:00Z"',
        '"9999-12-31T23:59:59Z"', '"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00Z"',
        '"0001-01-01T00:00:00+14:00"', '"0000-00-00T00:00:00Z"', '"10000-01-01T00:00:00Z"',
        '"2026-01-01T00:00:00+99:99"', '"2026-01-01T00:00:00+24:00"', '"-2026-01-01T00:00:00Z"',
    ),
}  # fmt: skip


class Write(NamedTuple):
    """A request with a body that is good, and the kinds of its fields. `{exam_id}` and such name what there is."""

    method: str
    path: str
    body: dict[str, Any]
    kinds: Mapping[str, str]
    as_staff: bool = False
    is_list: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('{')[0]}"


EXAM_KINDS: Final = {
    "exam_name": "text",
    "content_id": "text",
    "time_limit_mins": "whole number",
    "due_date": "moment",
    "exam_type": "text",
    "hide_after_due": "boolean",
    "is_active": "boolean",
}
WRITES: Final = (
    Write("PATCH", "exams/course_id/{course_id}", exam_item(), EXAM_KINDS, as_staff=True, is_list=True),
    Write(
        "PATCH",
        "configs/course_id/{course_id}",
        {"provider": "acme", "escalation_email": "help@example.com"},
        {"provider": "text or null", "escalation_email": "text or null"},
        as_staff=True,
    ),
    Write("POST", "exams/attempt", {"exam_id": 0, "start_clock": "true"}, {
        "exam_id": "whole number", "start_clock": "boolean",
    }),
    Write("PUT", "exams/attempt/{attempt_id}", {"action": "submit"}, {"action": "text"}),
    Write(
        "POST",
        "exams/course_id/{course_id}/allowances",
        {"username": "", "exam_id": 0, "extra_time_mins": 5},
        {"username": "text", "exam_id": "whole number", "extra_time_mins": "number"},
        as_staff=True,
        is_list=True,
    ),
    Write(
        "POST",
        "exams/course_id/{course_id}/allowances",
        {"email": "", "exam_id": 0, "extra_time_mins": 5},
        {"email": "text"},
        as_staff=True,
        is_list=True,
    ),
)  # fmt: skip
FIELDS: Final = [(write, field) for write in WRITES for field in write.kinds]


class Stage(NamedTuple):
    """Things of a course, each of which a bad request might change, and who makes the requests."""

    ids: Mapping[str, Any]
    as_learner: APIClient
    as_course_team: APIClient

    def path(self, write: Write) -> str:
        return f"{API}/{write.path.format(**self.ids)}"

    def client(self, write: Write) -> APIClient:
        return self.as_course_team if write.as_staff else self.as_learner

    def send(self, write: Write, body: str | bytes, content_type: str = "application/json") -> Any:
        return send(self.client(write), write.method, self.path(write), body, content_type)

    def body(self, write: Write, **changes: str) -> str:
        """The good body as JSON text, with what there is in it, and some fields' values as given."""
        body = {name: self.ids[name] if name in self.ids and not value else value for name, value in write.body.items()}
        texts = {name: json.dumps(value) for name, value in body.items() if name not in changes} | changes
        item = "{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}"
        return f"[{item}]" if write.is_list else item


@pytest.fixture
def stage(learner: User, as_learner: APIClient, as_course_team: APIClient) -> Stage:
    provider = ProviderFactory.create(name="acme")
    ConfigurationFactory.create(provider=ProviderFactory.create())
    exam: Exam = ExamFactory.create(content_id=CONTENT_ID, exam_name="Before")
    attempt = running_attempt(ExamFactory.create(), learner)
    AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=1)
    ids = {
        "course_id": COURSE_ID,
        "exam_id": exam.pk,
        "attempt_id": attempt.pk,
        "username": learner.username,
        "email": learner.email,
        "provider": provider.name,
    }
    return Stage(ids, as_learner, as_course_team)


@pytest.mark.parametrize(("write", "field"), FIELDS, ids=[f"{write}: {field}" for write, field in FIELDS])
def test_a_wrong_value_is_400_and_changes_nothing(write: Write, field: str, stage: Stage, unchanged: Unchanged) -> None:
    with unchanged():
        for value in (*ALWAYS_WRONG, *WRONG[write.kinds[field]]):
            assert_refused(stage.send(write, stage.body(write, **{field: value})), 400)


@pytest.mark.parametrize("write", WRITES[:-1], ids=str)
def test_the_good_body_is_taken_and_unknown_keys_with_it(write: Write, stage: Stage) -> None:
    body = stage.body(write, unknown="[[1e3]]", __proto__="null", id="-1", pk='"x"', status='"verified"')
    if write.path == "exams/attempt":  # one clock runs at a time
        body = body.replace('"true"', '"false"')
    assert stage.send(write, body).status_code in {200, 204}


@pytest.mark.parametrize("write", WRITES[:-1], ids=str)
def test_a_body_of_another_shape_is_400(write: Write, stage: Stage, unchanged: Unchanged) -> None:
    good = stage.body(write)
    other_shape = good.strip("[]") if write.is_list else f"[{good}]"
    shapes = ["null", "true", "5", '"text"', '""', "1e400", other_shape, "[null]", "[[]]", '{"a": 1}', "[1, 2]"]
    shapes += ["[{}]", "{}", f"[{good}]" if write.is_list else "[]"]
    with unchanged():
        for shape in shapes:
            assert_refused(stage.send(write, shape), 400)


NO_TEXT: Final = {
    "nothing": b"",
    "blank": b"  \n",
    "half": b'[{"exam_name": ',
    "two values": b"[] []",
    "invalid UTF-8": b'[{"exam_name": "\xff\xfe"}]',
    "a surrogate in UTF-8": b'[{"exam_name": "\xed\xa0\x80"}]',
    "a byte order mark": b"\xef\xbb\xbf[]",
    "UTF-16": "[]".encode("utf-16"),
    "UTF-32": "[]".encode("utf-32"),
    "NUL": b"\x00",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "deep and closed": b"[" * 200_000 + b"]" * 200_000,
    "a form": b"action=submit&exam_id=1",
    "XML": b"<a/>",
    "a key of half a character": b'[{"\\ud800": 1}]',
}


@pytest.mark.parametrize("write", WRITES[:-1], ids=str)
def test_what_is_no_json_text_is_400(write: Write, stage: Stage, unchanged: Unchanged) -> None:
    with unchanged():
        for text in NO_TEXT.values():
            assert_refused(stage.send(write, text), 400)


NO_JSON_TYPES: Final = [
    "", "text/plain", "text/html", "application/xml", "application/octet-stream", "json", "*/*", ";", "é",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x",
    "application/jsonx", "application/merge-patch+json",
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES[:-1], ids=str)
def test_a_body_that_does_not_say_it_is_json_is_415(write: Write, stage: Stage, unchanged: Unchanged) -> None:
    with unchanged():
        for content_type in NO_JSON_TYPES:
            assert_refused(stage.send(write, stage.body(write), content_type), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=latin-1"]
)
def test_a_parameter_of_the_content_type_makes_no_difference(content_type: str, as_course_team: APIClient) -> None:
    body = json.dumps([exam_item(exam_name="Prüfung 💯")], ensure_ascii=False).encode()
    path = f"{API}/exams/course_id/{COURSE_ID}"
    assert send(as_course_team, "PATCH", path, body, content_type).status_code == 200
    assert Exam.objects.get().exam_name == "Prüfung 💯"


@pytest.mark.parametrize("write", WRITES[:-1], ids=str)
def test_a_body_over_the_limit_is_413(write: Write, stage: Stage, unchanged: Unchanged) -> None:
    good = stage.body(write)
    padding = settings.DATA_UPLOAD_MAX_MEMORY_SIZE - len(good)
    with unchanged():
        assert_refused(stage.send(write, good + " " * (padding + 1)), 413)
        assert_refused(stage.send(write, "[" * 10_000_000), 413)


def test_a_body_of_exactly_the_limit_is_read(as_course_team: APIClient) -> None:
    body = json.dumps([exam_item()]).encode()
    body += b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE - len(body))
    path = f"{API}/exams/course_id/{COURSE_ID}"
    assert send(as_course_team, "PATCH", path, body).status_code == 200


def test_a_body_with_a_get_or_delete_is_not_looked_at(as_course_team: APIClient) -> None:
    allowance = AllowanceFactory.create()
    path = f"{API}/exams/course_id/{COURSE_ID}/allowances"
    for body, content_type in ((b"{", "application/json"), (b"\xff", "text/plain")):
        assert send(as_course_team, "GET", path, body, content_type).status_code == 200
    answer = send(as_course_team, "DELETE", f"{path}/{allowance.pk}", b"{")
    assert answer.status_code == 204


def test_whole_characters_written_as_two_halves_are_text(as_course_team: APIClient) -> None:
    path = f"{API}/exams/course_id/{COURSE_ID}"
    body = json.dumps([exam_item(exam_name="💯")])
    assert r"\ud83d\udcaf" in body
    assert send(as_course_team, "PATCH", path, body).status_code == 200
    assert Exam.objects.get().exam_name == "💯"


# Queries where anything may be asked for


@pytest.mark.parametrize("debug", [False, True])
def test_more_parameters_than_anybody_has_are_400(debug: bool, as_learner: APIClient, settings: Settings) -> None:
    settings.DEBUG = debug
    assert_refused(as_learner.get(f"{API}/exams/attempt/latest?{'a=1&' * 2000}"), 400)


@pytest.mark.parametrize(
    "value",
    ["%00", "%FF%FE", "%ED%A0%80", "%", "%zz", "x" * 10_000, "%F0%9F%92%A5", "9" * 400, "%27%22%3B--", "a[]=1&b", ""],
)
def test_odd_query_values_find_nothing_and_break_nothing(
    value: str, stage: Stage, as_learner: APIClient, as_course_team: APIClient, unchanged: Unchanged
) -> None:
    with unchanged():
        for path in (
            f"providers?org={value}",
            f"providers?unknown={value}",
            f"exams/attempt/latest?content_id={value}",
        ):
            assert as_learner.get(f"{API}/{path}").status_code == 200
        attempts = f"{API}/instructor_view/course_id/{COURSE_ID}/attempts"
        for path in (f"{API}/exams/course_id/{COURSE_ID}?limit={value}", f"{attempts}?x={value}"):
            assert as_course_team.get(path).status_code == 200
        searched = as_course_team.get(f"{attempts}?search={value}")
        assert searched.status_code in {200, 400}
