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


def test_a_multiplier_follows_the_limit(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    give(as_course_team, exam, [learner.username], MULTIPLIER, 1.5)
    attempt = running_attempt(exam, learner)
    assert minutes_of(attempt) == 45
    definition = {
        "exam_name": exam.exam_name, "content_id": exam.content_id, "time_limit_mins": 60, "due_date": None,
        "exam_type": exam.exam_type, "hide_after_due": False, "is_active": True,
    }  # fmt: skip
    answer = as_course_team.patch(f"{API}/exams/course_id/{COURSE_ID}", [definition], format="json")
    assert answer.status_code == 200
    assert minutes_in_version_1(as_course_team) == [30]
    assert minutes_of(attempt) == 90


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


@pytest.mark.parametrize(
    "given",
    [
        (MINUTES, -1), (MINUTES, 1.5), (MINUTES, True), (MINUTES, "many"), (MINUTES, 525_601), (MINUTES, None),
        (MINUTES, "NaN"), (MINUTES, [5]),
        (MULTIPLIER, 0.99), (MULTIPLIER, 10.01), (MULTIPLIER, 1.234), (MULTIPLIER, "Infinity"), (MULTIPLIER, {}),
        (REVIEW, ""), (REVIEW, "   "), (REVIEW, 5), (REVIEW, "x" * 4_097), (REVIEW, "nul \0"),
        ("nonsense", 5), (None, 5),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_in_words(
    as_course_team: APIClient, exam: Exam, learner: User, unchanged: Unchanged, given: tuple[Any, Any]
) -> None:
    body = {"user_ids": [learner.username], "allowance_type": given[0], "value": given[1]}
    with unchanged():
        for path, more in ((f"{EXAMS}/{exam.pk}/allowance", {}), (ALLOWANCES, {"exam_ids": [exam.pk]})):
            answer = as_course_team.post(path, {**body, **more}, format="json")
            assert answer.status_code == 400, answer.content
            assert answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize("people", [[], None, [None], [True], [1.5], {}, [["ada"]], ["x"] * 1_001])
def test_a_wrong_list_of_people_is_refused(as_course_team: APIClient, exam: Exam, people: Any) -> None:
    body = {"user_ids": people, "allowance_type": MINUTES, "value": 5}
    for method in (as_course_team.post, as_course_team.delete):
        answer = method(f"{EXAMS}/{exam.pk}/allowance", body, format="json")
        assert answer.status_code == 400, answer.content


@pytest.mark.parametrize(
    "ordering", ["username", "user.username", "email", "user.email", "exam_name", "proctored_exam.exam_name", "value"]
)
def test_allowances_are_ordered_by_each_column(as_course_team: APIClient, ordering: str) -> None:
    small = AllowanceFactory.create(
        user=UserFactory.create(username="anna"), exam=ExamFactory.create(exam_name="Algebra"), extra_time_mins=10
    )
    large = AllowanceFactory.create(
        user=UserFactory.create(username="bert"), exam=ExamFactory.create(exam_name="Botany"), extra_time_mins=20
    )
    assert [row[0] for row in listed(as_course_team, ordering=ordering)] == [small.pk, large.pk]
    assert [row[0] for row in listed(as_course_team, ordering=f"-{ordering}")] == [large.pk, small.pk]


@pytest.mark.parametrize("ordering", ["allowance_type", "key"])
def test_allowances_are_ordered_by_their_type(as_course_team: APIClient, exam: Exam, ordering: str) -> None:
    first, second = UserFactory.create_batch(2)
    give(as_course_team, exam, [first.username], REVIEW, "Paper is allowed.")
    give(as_course_team, exam, [second.username], MINUTES, 5)
    assert [kind for _, kind, _ in listed(as_course_team, ordering=ordering)] == [MINUTES, REVIEW]


@pytest.mark.parametrize("allowances", [3, 30])
def test_a_page_costs_the_same_for_any_number_of_allowances(
    as_course_team: APIClient, at_most: CountStatements, exam: Exam, allowances: int
) -> None:
    for _ in range(allowances):
        AllowanceFactory.create(exam=exam)
    as_course_team.get(ALLOWANCES)
    with at_most(6):
        as_course_team.get(ALLOWANCES, {"page_size": 100})


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
