"""Identifiers are compared to the letter, on every database."""

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef

from edx_exams.apps.core.lookups import Exactly
from edx_exams.apps.core.models import CourseExamConfiguration, Exam, User
from tests.factories import COURSE_ID, CourseStaffRoleFactory, ExamFactory


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other", [COURSE_ID.upper(), COURSE_ID.lower(), f"{COURSE_ID} ", COURSE_ID.replace("A", "Á"), COURSE_ID[:-1], ""]
)
def test_what_differs_in_a_letter_is_something_else(other: str, learner: User) -> None:
    ExamFactory.create()
    CourseStaffRoleFactory.create(user=learner)
    assert Exam.objects.filter(course_id__exactly=COURSE_ID).exists()
    assert not Exam.objects.filter(course_id__exactly=other).exists()
    assert learner.has_course_staff_permission(COURSE_ID)
    assert not learner.has_course_staff_permission(other)


@pytest.mark.django_db
def test_a_column_can_be_compared_with_another() -> None:
    ExamFactory.create()
    configured = CourseExamConfiguration.objects.filter(course_id__exactly=OuterRef("course_id"))
    assert not Exam.objects.filter(Exists(configured)).exists()
    CourseExamConfiguration.objects.create(course_id=COURSE_ID)
    assert Exam.objects.filter(Exists(configured)).exists()


def test_mysql_is_asked_by_its_index_and_for_the_bytes() -> None:
    query = Exam.objects.filter(course_id__exactly=COURSE_ID).query
    (lookup,) = query.where.children
    assert isinstance(lookup, Exactly)
    sql, parameters = lookup.as_mysql(query.get_compiler(connection=connection), connection)
    column = '"exams_exam"."course_id"'
    assert sql == f"({column} = %s AND CAST({column} AS BINARY) = CAST(%s AS BINARY))"
    assert parameters == (COURSE_ID, COURSE_ID)
