# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py seed_demo`."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from edx_exams.apps.core.models import CourseStaffRole, Exam, User

pytestmark = pytest.mark.django_db


def seed() -> tuple[int, int, int]:
    """Run it; what its last line counts: rows, those added, those that existed."""
    out = StringIO()
    call_command("seed_demo", stdout=out)
    sum_ = re.fullmatch(r"(\d+) rows: (\d+) added, (\d+) existed", out.getvalue().splitlines()[-1])
    assert sum_
    rows, added, existed = map(int, sum_.groups())
    return rows, added, existed


def test_it_adds_courses_with_exams_their_team_and_learners() -> None:
    rows, added, existed = seed()
    assert rows == added > 0 == existed
    assert {"practice", "timed", "proctored"} <= set(Exam.objects.values_list("exam_type", flat=True))
    assert CourseStaffRole.objects.values("course_id").distinct().count() == 2
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert Exam.objects.get(exam_type="proctored").provider is not None


def test_running_it_again_adds_nothing() -> None:
    rows, _, _ = seed()
    before = list(Exam.objects.values())
    assert seed() == (rows, 0, rows)
    assert list(Exam.objects.values()) == before


def test_what_somebody_has_changed_is_left_as_it_is() -> None:
    seed()
    Exam.objects.filter(exam_type="timed").update(is_active=False, exam_name="Mine")
    User.objects.filter(username="amina").update(full_name="Somebody else")
    seed()
    assert not Exam.objects.filter(exam_type="timed", is_active=True).exists()
    assert User.objects.get(username="amina").full_name == "Somebody else"
