# SPDX-License-Identifier: AGPL-3.0-only
"""`exams/course_id/…`: the exams of a course, as Studio pushes and reads them."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import CourseExamConfiguration, Exam, StudentAllowance, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, CONTENT_ID, assert_refused, exam_item
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ConfigurationFactory,
    ExamFactory,
    ProviderFactory,
    make_attempt,
)

pytestmark = pytest.mark.django_db

EXAMS: Final = f"{API}/exams/course_id/{COURSE_ID}"
I4X_ID: Final = "i4x://Acme/BIO101/sequential/midterm"


def push(client: APIClient, *items: Any, course_id: str = COURSE_ID) -> Any:
    return client.patch(f"{API}/exams/course_id/{course_id}", list(items), format="json")


def pushed(client: APIClient, *items: Any, course_id: str = COURSE_ID) -> None:
    """Push, and see the answer that says it is done."""
    answer = push(client, *items, course_id=course_id)
    assert (answer.status_code, answer.content) == (200, b"{}")


# GET


def test_an_exam_has_these_fields(as_course_team: APIClient) -> None:
    due = datetime(2099, 12, 1, 23, 59, tzinfo=UTC)
    exam = ExamFactory.create(due_date=due, exam_name="Mid\nterm “é”", hide_after_due=True)
    assert as_course_team.get(EXAMS).json() == [
        {
            "id": exam.pk,
            "exam_name": "Mid\nterm “é”",
            "course_id": COURSE_ID,
            "content_id": exam.content_id,
            "time_limit_mins": 60,
            "due_date": "2099-12-01T23:59:00Z",
            "exam_type": "timed",
            "hide_after_due": True,
            "is_active": True,
        }
    ]


def test_an_exam_without_a_due_date_says_null(as_course_team: APIClient) -> None:
    ExamFactory.create()
    assert as_course_team.get(EXAMS).json()[0]["due_date"] is None


def test_only_active_exams_of_the_course_are_listed_by_id(as_course_team: APIClient) -> None:
    exams = ExamFactory.create_batch(3)
    ExamFactory.create(is_active=False)
    ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    assert [exam["id"] for exam in as_course_team.get(EXAMS).json()] == sorted(exam.pk for exam in exams)


def test_a_course_without_exams_has_an_empty_list(as_course_team: APIClient) -> None:
    assert as_course_team.get(EXAMS).json() == []


# PATCH


def test_an_exam_that_is_new_is_created(as_course_team: APIClient, course_team: User) -> None:
    pushed(as_course_team, exam_item(hide_after_due=True))
    exam = Exam.objects.get()
    assert (exam.course_id, exam.content_id, exam.exam_name, exam.exam_type, exam.time_limit_mins) == (
        COURSE_ID,
        CONTENT_ID,
        "Midterm",
        "timed",
        60,
    )
    assert exam.due_date == datetime(2099, 12, 1, 23, 59, tzinfo=UTC)
    assert (exam.hide_after_due, exam.is_active, exam.provider) == (True, True, None)
    assert uuid.UUID(exam.resource_id).version == 4
    assert str(uuid.UUID(exam.resource_id)) == exam.resource_id
    assert exam.history.get().history_user == course_team


def test_what_was_pushed_is_what_is_read(as_course_team: APIClient) -> None:
    pushed(as_course_team, exam_item())
    (exam,) = as_course_team.get(EXAMS).json()
    assert {**exam_item(), "id": exam["id"]} == {**exam, "backend": "null"}
    pushed(as_course_team, exam)
    assert as_course_team.get(EXAMS).json() == [exam]


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("exam_name", " Final ", " Final "),
        ("exam_name", "\u3000Final\u00a0", "\u3000Final\u00a0"),
        ("time_limit_mins", 0, 0),
        ("time_limit_mins", 525_600, 525_600),
        ("due_date", None, None),
        ("due_date", "2098-01-02T03:04:05+05:30", datetime(2098, 1, 1, 21, 34, 5, tzinfo=UTC)),
        ("due_date", "2098-01-02T03:04:05.678Z", datetime(2098, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        ("hide_after_due", True, True),
        ("is_active", False, False),
    ],
)
def test_an_exam_of_the_same_type_is_updated_in_place(
    field: str, value: Any, stored: Any, as_course_team: APIClient
) -> None:
    pushed(as_course_team, exam_item())
    before = Exam.objects.get()
    pushed(as_course_team, exam_item(**{field: value}))
    after = Exam.objects.get()
    assert (after.pk, after.resource_id, getattr(after, field)) == (before.pk, before.resource_id, stored)


@pytest.mark.parametrize("exam_type", ["proctored", "practice", "onboarding"])
def test_an_exam_of_another_type_takes_the_place_of_the_old_one(exam_type: str, as_course_team: APIClient) -> None:
    pushed(as_course_team, exam_item())
    old = Exam.objects.get()
    attempt = make_attempt(old)
    allowance = AllowanceFactory.create(exam=old, extra_time_mins=25)
    pushed(as_course_team, exam_item(exam_type=exam_type))
    old.refresh_from_db()
    new = Exam.objects.get(is_active=True)
    assert (old.is_active, new.exam_type, new.content_id) == (False, exam_type, old.content_id)
    assert new.resource_id != old.resource_id
    attempt.refresh_from_db()
    assert attempt.exam_id == old.pk
    copied = StudentAllowance.objects.get(exam=new)
    assert (copied.user_id, copied.extra_time_mins) == (allowance.user_id, 25)
    assert [exam["id"] for exam in as_course_team.get(EXAMS).json()] == [new.pk]


def test_an_instance_that_was_retired_comes_back_as_the_row_that_it_was(as_course_team: APIClient) -> None:
    retired = ExamFactory.create(content_id=CONTENT_ID, is_active=False)
    pushed(as_course_team, exam_item())
    assert Exam.objects.get(is_active=True).pk == retired.pk


def test_an_inactive_item_that_means_nothing_makes_nothing(as_course_team: APIClient) -> None:
    pushed(as_course_team, exam_item(is_active=False))
    assert not Exam.objects.exists()


def test_exams_that_the_body_does_not_name_become_inactive(as_course_team: APIClient, course_team: User) -> None:
    forgotten = ExamFactory.create()
    elsewhere = ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    pushed(as_course_team, exam_item())
    forgotten.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (forgotten.is_active, elsewhere.is_active) == (False, True)
    latest = forgotten.history.latest()
    assert (latest.is_active, latest.history_user, latest.history_type) == (False, course_team, "~")


def test_an_empty_list_deactivates_all(as_course_team: APIClient) -> None:
    ExamFactory.create_batch(3)
    pushed(as_course_team)
    assert not Exam.objects.filter(is_active=True).exists()


def test_the_same_again_changes_no_exam(as_course_team: APIClient) -> None:
    pushed(as_course_team, exam_item())
    rows = list(Exam.objects.values()), list(Exam.history.values())
    pushed(as_course_team, exam_item())
    assert (list(Exam.objects.values()), list(Exam.history.values())) == rows


@pytest.mark.parametrize(
    ("exam_type", "is_theirs"), [("proctored", True), ("timed", False), ("practice", True), ("onboarding", True)]
)
def test_only_proctored_exams_get_the_courses_provider(
    exam_type: str, is_theirs: bool, as_course_team: APIClient
) -> None:
    configuration = ConfigurationFactory.create()
    pushed(as_course_team, exam_item(exam_type=exam_type))
    assert Exam.objects.get().provider == (configuration.provider if is_theirs else None)


def test_a_proctored_exam_of_a_course_without_provider_has_none(as_course_team: APIClient) -> None:
    ProviderFactory.create()
    pushed(as_course_team, exam_item(exam_type="proctored"))
    assert Exam.objects.get().provider is None


def test_keys_that_are_not_the_authors_are_ignored(as_course_team: APIClient) -> None:
    pushed(
        as_course_team,
        exam_item(id=77, course_id="course-v1:Other+Course+1", backend="x", resource_id="x", provider=1, unknown=[{}]),
    )
    exam = Exam.objects.get()
    assert (exam.course_id, exam.provider) == (COURSE_ID, None)
    assert exam.resource_id != "x"


@pytest.mark.parametrize(
    ("course_id", "content_id"),
    [
        ("Acme/BIO101/2026_T1", I4X_ID),
        ("Acme/BIO101/2026_T1", "i4x://Acme/BIO101/sequential/d8a6192ade314473a78242dfeedfbf5b"),
        (COURSE_ID, I4X_ID),
        (COURSE_ID, "block-v1:Acme+BIO101+2026+type@sequential+block@a.b_c-d"),
    ],
)
def test_content_with_an_old_key_belongs_to_every_run_of_its_course(
    course_id: str, content_id: str, as_course_team: APIClient, course_team: User
) -> None:
    course_team.coursestaffrole_set.update(course_id=course_id)
    pushed(as_course_team, exam_item(content_id=content_id), course_id=course_id)
    assert Exam.objects.get().content_id == content_id


@pytest.mark.parametrize(
    ("course_id", "content_id"),
    [
        (COURSE_ID, "block-v1:Acme+BIO101+2027+type@sequential+block@midterm"),
        (COURSE_ID, "block-v1:acme+BIO101+2026+type@sequential+block@midterm"),
        (COURSE_ID, "i4x://Acme/BIO102/sequential/midterm"),
        (COURSE_ID, "i4x://acme/BIO101/sequential/midterm"),
        (COURSE_ID, COURSE_ID),
        (COURSE_ID, "midterm"),
        (COURSE_ID, "block-v1:Acme+BIO101+2026"),
        (COURSE_ID, "lib-block-v1:Acme+BIO101+type@problem+block@x"),
        (COURSE_ID, "asset-v1:Acme+BIO101+2026+type@asset+block@x.png"),
        ("bio-101:autumn", CONTENT_ID),
        ("2026", CONTENT_ID),
        ("course-v2:Acme+BIO101+2026", CONTENT_ID),
    ],
)
def test_content_that_is_not_the_courses_is_refused(
    course_id: str, content_id: str, as_course_team: APIClient, course_team: User, unchanged: Unchanged
) -> None:
    course_team.coursestaffrole_set.update(course_id=course_id)
    ExamFactory.create(course_id=course_id, content_id="x")
    with unchanged():
        assert_refused(push(as_course_team, exam_item(content_id=content_id), course_id=course_id), 400, errors=True)


@pytest.mark.parametrize("course_id", ["bio-101:autumn", "2026"])
def test_exams_of_ours_cannot_be_pushed_under_an_external_key(
    course_id: str, as_course_team: APIClient, course_team: User, unchanged: Unchanged
) -> None:
    course_team.coursestaffrole_set.update(course_id=course_id)
    ExamFactory.create(course_id=course_id, content_id="x")
    with unchanged():
        assert_refused(push(as_course_team, course_id=course_id), 400)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("exam_name", blank) for blank in ("", " ", "\t\n", "\u00a0", "\u2003\u3000")),
        ("time_limit_mins", 525_601),
        ("time_limit_mins", -1),
        ("time_limit_mins", True),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_named(
    field: str, value: Any, as_course_team: APIClient, unchanged: Unchanged
) -> None:
    with unchanged():
        said = assert_refused(push(as_course_team, exam_item(**{field: value})), 400, errors=True)
        assert said["detail"].startswith(f"item 1 {field}: ")


def test_content_named_twice_is_refused_and_the_second_one_is_named(
    as_course_team: APIClient, unchanged: Unchanged
) -> None:
    ExamFactory.create()
    with unchanged():
        said = assert_refused(push(as_course_team, exam_item(), exam_item(exam_name="Again")), 400, errors=True)
    assert {number: list(fields) for number, fields in said["errors"].items()} == {"1": ["content_id"]}
    assert said["detail"].startswith("item 2 content_id: ")


def test_content_named_by_two_of_its_keys_is_named_twice(as_course_team: APIClient, unchanged: Unchanged) -> None:
    old = "i4x://Acme/BIO101/sequential/midterm"
    with unchanged():
        said = assert_refused(push(as_course_team, exam_item(), exam_item(content_id=old)), 400, errors=True)
    assert said["detail"].startswith("item 2 content_id: ")


def test_one_bad_item_among_good_ones_changes_nothing(as_course_team: APIClient, unchanged: Unchanged) -> None:
    exam = ExamFactory.create()
    good = exam_item(content_id=exam.content_id, exam_name="Renamed", exam_type="practice")
    with unchanged():
        said = assert_refused(push(as_course_team, good, exam_item(time_limit_mins=-1)), 400, errors=True)
    assert {number: list(fields) for number, fields in said["errors"].items()} == {"1": ["time_limit_mins"]}
    assert said["detail"].startswith("item 2 time_limit_mins: ")


@pytest.mark.parametrize(
    "field",
    ["exam_name", "content_id", "time_limit_mins", "due_date", "exam_type", "hide_after_due", "is_active"],
)
def test_every_field_is_required(field: str, as_course_team: APIClient, unchanged: Unchanged) -> None:
    item = exam_item()
    del item[field]
    with unchanged():
        said = assert_refused(push(as_course_team, item), 400, errors=True)
    assert {number: list(fields) for number, fields in said["errors"].items()} == {"0": [field]}
    assert said["detail"].startswith(f"item 1 {field}: ")


def test_a_push_makes_its_course_no_configuration_that_anyone_sees(as_course_team: APIClient) -> None:
    pushed(as_course_team, exam_item())
    assert as_course_team.get(f"{API}/configs/course_id/{COURSE_ID}").json() == {
        "provider": None,
        "escalation_email": None,
    }
    assert not CourseExamConfiguration.objects.exclude(provider=None).exists()
