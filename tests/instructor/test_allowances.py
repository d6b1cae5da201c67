# SPDX-License-Identifier: AGPL-3.0-only
"""Allowances in the dashboard: three types, for many people and exams at once, each row judged by itself."""

from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from tests.api.conftest import Unchanged
from tests.api.contract import API
from tests.conftest import CountStatements
from tests.factories import COURSE_ID, AllowanceFactory, ExamFactory, UserFactory, running_attempt
from tests.instructor.dashboard import ALLOWANCES, EXAMS

pytestmark = pytest.mark.django_db

MINUTES: Final = "additional_time_granted"
MULTIPLIER: Final = "time_multiplier"
REVIEW: Final = "review_policy_exception"


@pytest.fixture
def exam(db: None) -> Exam:
    return ExamFactory.create(time_limit_mins=30)


def give(client: APIClient, exam: Exam, people: Any, kind: str, value: Any) -> list[dict[str, Any]]:
    """Give an allowance for one exam, and return the rows of the answer."""
    body = {"user_ids": people, "allowance_type": kind, "value": value}
    answer = client.post(f"{EXAMS}/{exam.pk}/allowance", body, format="json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["allowance_type"] == kind
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def take(client: APIClient, exam: Exam, people: Any, kind: str) -> list[dict[str, Any]]:
    body = {"user_ids": people, "allowance_type": kind}
    answer = client.delete(f"{EXAMS}/{exam.pk}/allowance", body, format="json")
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def listed(client: APIClient, **query: Any) -> list[tuple[int, str, str]]:
    """Ids, keys and values of the list."""
    answer = client.get(ALLOWANCES, query)
    assert answer.status_code == 200, answer.content
    return [(row["id"], row["key"], row["value"]) for row in answer.json()["results"]]


def minutes_in_version_1(client: APIClient) -> list[int]:
    return [row["extra_time_mins"] for row in client.get(f"{API}/exams/course_id/{COURSE_ID}/allowances").json()]


def minutes_of(attempt: ExamAttempt) -> int | None:
    return ExamAttempt.objects.get(pk=attempt.pk).allowed_time_limit_mins


def test_an_allowance_has_these_fields(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    allowance = AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=15)
    (shown,) = as_course_team.get(ALLOWANCES).json()["results"]
    assert shown.pop("created")
    assert shown.pop("modified")
    assert shown.pop("proctored_exam")["id"] == exam.pk
    assert shown == {
        "id": allowance.pk,
        "user": {"id": learner.lms_user_id, "username": learner.username, "email": learner.email},
        "key": MINUTES,
        "value": "15",
    }


def test_the_two_types_of_time_replace_each_other(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    name = learner.username
    assert give(as_course_team, exam, [name], MINUTES, 10) == [{"identifier": name, "success": True}]
    assert give(as_course_team, exam, [name], MINUTES, 20) == [{"identifier": name, "success": True}]
    (row,) = give(as_course_team, exam, [name], MULTIPLIER, 1.5)
    assert row == {"identifier": name, "success": True, "replaced": MINUTES}
    assert minutes_in_version_1(as_course_team) == [15]
    (row,) = give(as_course_team, exam, [name], MINUTES, "7")
    assert row["replaced"] == MULTIPLIER
    assert [(kind, value) for _, kind, value in listed(as_course_team)] == [(MINUTES, "7")]


def test_a_review_exception_stands_beside_the_time(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    give(as_course_team, exam, [learner.username], MULTIPLIER, "1.25")
    give(as_course_team, exam, [learner.username], REVIEW, "May use a calculator.")
    pk = StudentAllowance.objects.get().pk
    assert sorted(listed(as_course_team)) == [(-pk, REVIEW, "May use a calculator."), (pk, MULTIPLIER, "1.25")]
    assert take(as_course_team, exam, [learner.username], MULTIPLIER)[0]["success"]
    assert listed(as_course_team) == [(-pk, REVIEW, "May use a calculator.")]
    assert minutes_in_version_1(as_course_team) == [0]
    assert take(as_course_team, exam, learner.username, REVIEW)[0]["success"]
    assert not StudentAllowance.objects.exists()


@pytest.mark.parametrize(("limit", "multiplier", "minutes"), [(30, 1.1, 3), (30, "1.01", 1), (60, 1, 0), (45, 2.5, 68)])
def test_a_multiplier_is_exact_and_rounded_up(
    as_course_team: APIClient, learner: User, limit: int, multiplier: Any, minutes: int
) -> None:
    exam = ExamFactory.create(time_limit_mins=limit)
    give(as_course_team, exam, [learner.username], MULTIPLIER, multiplier)
    assert minutes_in_version_1(as_course_team) == [minutes]
    assert running_attempt(exam, learner).allowed_time_limit_mins == limit + minutes


def redefine(client: APIClient, exam: Exam, **changes: Any) -> None:
    """Push the exam's definition as Studio does."""
    definition = {
        "exam_name": exam.exam_name, "content_id": exam.content_id, "time_limit_mins": exam.time_limit_mins,
        "due_date": None, "exam_type": exam.exam_type, "hide_after_due": False, "is_active": True, **changes,
    }  # fmt: skip
    assert client.patch(f"{API}/exams/course_id/{COURSE_ID}", [definition], format="json").status_code == 200


def test_a_multiplier_follows_the_limit_and_the_content(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    def both_say(kind: str, value: str, minutes: int) -> None:
        assert [row[1:] for row in listed(as_course_team)] == [(kind, value)]
        assert minutes_in_version_1(as_course_team) == [minutes]

    give(as_course_team, exam, [learner.username], MULTIPLIER, 1.5)
    both_say(MULTIPLIER, "1.50", 15)
    redefine(as_course_team, exam, time_limit_mins=40)  # before the attempt
    both_say(MULTIPLIER, "1.50", 20)
    attempt = running_attempt(Exam.objects.get(pk=exam.pk), learner)
    assert minutes_of(attempt) == 60
    redefine(as_course_team, exam, time_limit_mins=60)  # during it
    both_say(MULTIPLIER, "1.50", 30)
    assert minutes_of(attempt) == 90
    redefine(as_course_team, exam, time_limit_mins=60, exam_type="practice")  # another instance
    both_say(MULTIPLIER, "1.50", 30)
    practice = Exam.objects.get(is_active=True)
    (row,) = give(as_course_team, practice, [learner.username], MINUTES, 45)
    assert row["replaced"] == MULTIPLIER
    both_say(MINUTES, "45", 45)
    assert minutes_of(attempt) == 105
    redefine(as_course_team, exam, time_limit_mins=50)  # and back
    both_say(MINUTES, "45", 45)
    (row,) = give(as_course_team, exam, [learner.username], MULTIPLIER, "2")
    assert row["replaced"] == MINUTES
    both_say(MULTIPLIER, "2.00", 50)
    assert minutes_of(attempt) == 105
    redefine(as_course_team, exam, time_limit_mins=53)
    assert minutes_of(attempt) == 106


def test_a_running_attempt_gets_what_is_owed_and_is_never_shortened(
    as_course_team: APIClient, exam: Exam, learner: User
) -> None:
    attempt = running_attempt(exam, learner)
    give(as_course_team, exam, [learner.username], MULTIPLIER, 2)
    assert minutes_of(attempt) == 60
    give(as_course_team, exam, [learner.username], MINUTES, 5)
    assert minutes_of(attempt) == 60
    take(as_course_team, exam, [learner.username], MINUTES)
    assert minutes_of(attempt) == 60


def test_people_are_named_by_username_email_or_number(as_course_team: APIClient, exam: Exam) -> None:
    ada = UserFactory.create(username="ada", email="Ada@example.com", lms_user_id=77)
    digits = UserFactory.create(username="77")
    unknown = UserFactory.create(lms_user_id=None)
    people = ["ada", "ADA@EXAMPLE.com", 77, "77", -unknown.pk]
    assert all(row["success"] for row in give(as_course_team, exam, people, MINUTES, 5))
    assert set(StudentAllowance.objects.values_list("user_id", flat=True)) == {ada.pk, digits.pk, unknown.pk}


def test_each_row_is_judged_by_itself(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    elsewhere = ExamFactory.create(course_id="course-v1:Other+C+R")
    body = {
        "exam_ids": [exam.pk, elsewhere.pk, 999999],
        "user_ids": [learner.username, "nobody", 0, 12345678],
        "allowance_type": MINUTES,
        "value": 5,
    }
    answer = as_course_team.post(ALLOWANCES, body, format="json").json()
    assert (answer["allowance_type"], answer["value"]) == (MINUTES, 5)
    rows = [(row["identifier"], row["exam_id"], row["success"], "error" in row) for row in answer["results"]]
    assert len(rows) == 12
    assert [row for row in rows if row[2]] == [(learner.username, exam.pk, True, False)]
    assert all(row[3] for row in rows if not row[2])
    assert StudentAllowance.objects.get().exam_id == exam.pk


def test_an_email_of_several_people_names_nobody(as_course_team: APIClient, exam: Exam) -> None:
    UserFactory.create_batch(2, email="shared@example.com")
    (row,) = give(as_course_team, exam, ["shared@example.com"], MINUTES, 5)
    assert not row["success"]


def test_what_is_not_there_cannot_be_taken(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    give(as_course_team, exam, [learner.username], MINUTES, 5)
    rows = take(as_course_team, exam, [learner.username, "nobody"], MULTIPLIER)
    assert [row["success"] for row in rows] == [False, False]
    assert StudentAllowance.objects.get().extra_time_mins == 5


WRONG: Final[list[tuple[Any, list[Any]]]] = [
    (MINUTES, [-1, 1.5, True, "many", 525_601, None, "NaN", [5], "", "1_0", "\uff15", 10**400, "9" * 5_000]),
    (MULTIPLIER, [0.99, 10.01, 1.234, "Infinity", {}, "1,5", "1.5x", None, "-0", 1e300]),
    (REVIEW, ["", "   ", 5, "x" * 4_097, "nul \0", None, ["words"]]),
    ("nonsense", [5]),
    (None, [5]),
    ([MINUTES], [5]),
]


def test_a_wrong_value_is_refused_in_words(
    as_course_team: APIClient, exam: Exam, learner: User, unchanged: Unchanged
) -> None:
    with unchanged():
        for kind, values in WRONG:
            for value in values:
                body = {"user_ids": [learner.username], "allowance_type": kind, "value": value}
                for path, more in ((f"{EXAMS}/{exam.pk}/allowance", {}), (ALLOWANCES, {"exam_ids": [exam.pk]})):
                    answer = as_course_team.post(path, {**body, **more}, format="json")
                    assert answer.status_code == 400, (kind, str(value)[:40], answer.content)
                    assert answer.json()["error"] == answer.json()["detail"]


def test_a_wrong_list_of_people_or_exams_is_refused(
    as_course_team: APIClient, exam: Exam, unchanged: Unchanged
) -> None:
    body = {"user_ids": ["ada"], "allowance_type": MINUTES, "value": 5}
    path = f"{EXAMS}/{exam.pk}/allowance"
    with unchanged():
        people: Any
        for people in ([], None, [None], [True], [1.5], {}, [["ada"]], ["nul \0"], ["x"] * 1_001):
            for method in (as_course_team.post, as_course_team.delete):
                answer = method(path, {**body, "user_ids": people}, format="json")
                assert answer.status_code == 400, (people, answer.content)
                assert set(answer.json()) == {"detail", "error", "errors"}
        exams: Any
        for exams in (None, [], {}, exam.pk, [None], [True], ["x"], [-1], [2**31], [1.5], [exam.pk] * 501):
            answer = as_course_team.post(ALLOWANCES, {**body, "exam_ids": exams}, format="json")
            assert answer.status_code == 400, (exams, answer.content)
            assert set(answer.json()) == {"detail", "error", "errors"}
        many = {**body, "user_ids": ["x"] * 101, "exam_ids": [exam.pk] * 100}
        answer = as_course_team.post(ALLOWANCES, many, format="json")
        assert (answer.status_code, "10,100" in answer.json()["detail"]) == (400, True)


def test_people_who_cannot_be_are_rows_too(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    people = ["", " ", "x" * 300, 0, 2**31, -(2**63), 10**30, "😀", f" {learner.username}", learner.username]
    rows = give(as_course_team, exam, people, MINUTES, 5)
    assert [row["identifier"] for row in rows] == people
    assert [row["success"] for row in rows] == [False] * 9 + [True]
    assert all(row["error"] for row in rows[:9])
    (row,) = give(as_course_team, exam, learner.username, MINUTES, 5)
    assert row["success"]


def test_words_of_any_script_are_kept_to_the_letter(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    words = '  Papier & Stift 📝,\n\u202eno "camera" <b>'
    give(as_course_team, exam, [learner.username], REVIEW, words)
    give(as_course_team, exam, [learner.username], MINUTES, 10)
    give(as_course_team, exam, [learner.username], MULTIPLIER, 2)
    assert {(kind, value) for _, kind, value in listed(as_course_team)} == {(REVIEW, words), (MULTIPLIER, "2.00")}
    give(as_course_team, exam, [learner.username], REVIEW, "x" * 4_096)
    assert take(as_course_team, exam, [learner.username], REVIEW)[0]["success"]
    assert [(kind, value) for _, kind, value in listed(as_course_team)] == [(MULTIPLIER, "2.00")]


def test_allowances_are_ordered_by_each_column(as_course_team: APIClient) -> None:
    botany = ExamFactory.create(exam_name="Botany", time_limit_mins=30)
    small = AllowanceFactory.create(
        user=UserFactory.create(username="anna", email="a@example.com"),
        exam=ExamFactory.create(exam_name="Algebra"),
        extra_time_mins=5,
    )
    large = AllowanceFactory.create(
        user=UserFactory.create(username="bert", email="b@example.com"), exam=botany, extra_time_mins=20
    )
    exam_columns = ("exam_name", "proctored_exam.exam_name")
    for ordering in ("username", "user.username", "email", "user.email", "value", *exam_columns):
        assert [row[0] for row in listed(as_course_team, ordering=ordering)] == [small.pk, large.pk], ordering
        assert [row[0] for row in listed(as_course_team, ordering=f"-{ordering}")] == [large.pk, small.pk], ordering
    assert [row[0] for row in listed(as_course_team, ordering="password")] == [small.pk, large.pk]
    give(as_course_team, botany, ["anna"], MULTIPLIER, 10)
    give(as_course_team, botany, ["bert"], REVIEW, "Paper is allowed.")
    values = [value for _, _, value in listed(as_course_team, ordering="value")]
    assert values == ["Paper is allowed.", "5", "10.00", "20"]
    for ordering in ("allowance_type", "key"):
        kinds = [kind for _, kind, _ in listed(as_course_team, ordering=ordering)]
        assert kinds == [MINUTES, MINUTES, REVIEW, MULTIPLIER], ordering
    assert [row[0] for row in listed(as_course_team, search="BERT", ordering="-key")] == [-large.pk, large.pk]


@pytest.mark.parametrize("people", [2, 20])
def test_giving_costs_the_same_for_any_number_of_people(
    as_course_team: APIClient, at_most: CountStatements, people: int
) -> None:
    exams = ExamFactory.create_batch(3, time_limit_mins=30)
    learners = UserFactory.create_batch(people)
    for learner in learners:
        running_attempt(exams[0], learner)
    body = {
        "exam_ids": [exam.pk for exam in exams],
        "user_ids": [learner.username for learner in learners],
        "allowance_type": MULTIPLIER,
        "value": 1.5,
    }
    as_course_team.get(ALLOWANCES)
    with at_most(19):
        answer = as_course_team.post(ALLOWANCES, body, format="json")
    assert all(row["success"] for row in answer.json()["results"])
    assert set(ExamAttempt.objects.values_list("allowed_time_limit_mins", flat=True)) == {45}
