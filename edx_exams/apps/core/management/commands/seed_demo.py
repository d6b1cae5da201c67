# SPDX-License-Identifier: AGPL-3.0-only
"""Demo content: two courses with exams, their teams, learners and proctoring providers."""

from typing import Any, Final, NamedTuple, override

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand
from django.db import transaction

from edx_exams.apps.core.api import (
    create_or_update_course_exam_configuration,
    get_course_exam_configuration_by_course_id,
    sync_course_exams,
)
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.models import CourseStaffRole, ProctoringProvider, User

PROVIDER: Final = "sandbox_proctor"
OTHER_PROVIDER: Final = "paper_proctor"
STAFF_ROLE: Final = "staff"


class DemoExam(NamedTuple):
    """
    An exam of a demo course.

    :param block: last part of its usage key
    :param minutes: time limit
    """

    block: str
    name: str
    exam_type: str
    minutes: int


class DemoCourse(NamedTuple):
    """
    A demo course.

    :param run: what its course key and its usage keys share, `Org+Number+Run`
    :param staff: username of its team's one member
    :param proctored_by: name of a provider
    """

    run: str
    staff: str
    exams: tuple[DemoExam, ...]
    proctored_by: str
    escalation_email: str

    @property
    def course_id(self) -> str:
        """The course key."""
        return f"course-v1:{self.run}"

    def definitions(self) -> list[ExamDefinition]:
        """Its exams as the domain wants them."""
        return [
            ExamDefinition(
                content_id=f"block-v1:{self.run}+type@sequential+block@{exam.block}",
                exam_name=exam.name,
                exam_type=exam.exam_type,
                time_limit_mins=exam.minutes,
                due_date=None,
                hide_after_due=False,
                is_active=True,
            )
            for exam in self.exams
        ]


PEOPLE: Final = {
    "amina": "Amina Diallo",
    "bruno": "Bruno Keller",
    "chiyo": "Chiyo Tanaka",
    "frida": "Frida Lindqvist",
    "omar": "Omar Haddad",
}
#: By name. What stands for their tools is no tool's number: they have none until an operator registers one.
PROVIDERS: Final = {PROVIDER: "Sandbox Proctor", OTHER_PROVIDER: "Paper Proctor"}
COURSES: Final = (
    DemoCourse(
        run="Demo+EX101+2026",
        staff="frida",
        proctored_by=PROVIDER,
        escalation_email="proctoring-ex101@example.com",
        exams=(
            DemoExam("practice", "Practice exam", "practice", 5),
            DemoExam("timed", "Midterm exam", "timed", 20),
            DemoExam("proctored", "Final exam", "proctored", 90),
        ),
    ),
    DemoCourse(
        run="Demo+EX202+2026",
        staff="omar",
        proctored_by=OTHER_PROVIDER,
        escalation_email="proctoring-ex202@example.com",
        exams=(DemoExam("quiz", "Projections quiz", "timed", 10),),
    ),
)


class Tally:
    """Rows that a run has added and found."""

    added = 0
    existed = 0

    def count(self, rows: int, *, are_new: bool) -> None:
        """Count rows that were added just now, or were there."""
        if are_new:
            self.added += rows
        else:
            self.existed += rows

    def __str__(self) -> str:
        return f"{self.added + self.existed} rows: {self.added} added, {self.existed} existed"


def seed_providers(tally: Tally) -> None:
    """The proctoring providers."""
    for name, verbose_name in PROVIDERS.items():
        _, is_new = ProctoringProvider.objects.get_or_create(
            name=name,
            defaults={
                "verbose_name": verbose_name,
                "lti_configuration_id": name,
                "tech_support_email": f"help@{name.replace('_', '-')}.example.com",
            },
        )
        tally.count(1, are_new=is_new)


def seed_people(tally: Tally) -> dict[str, User]:
    """Learners and course staff by username. They have no password here: the LMS's token is what lets them in."""
    people = {}
    for username, name in PEOPLE.items():
        defaults = {"email": f"{username}@example.com", "full_name": name, "password": make_password(None)}
        people[username], is_new = User.objects.get_or_create(username=username, defaults=defaults)
        tally.count(1, are_new=is_new)
    return people


def seed_course(course: DemoCourse, team: User, tally: Tally) -> None:
    """A course's team, configuration and exams. Whether its exams were ever there is what its configuration tells."""
    _, is_new = CourseStaffRole.objects.get_or_create(user=team, course_id=course.course_id, role=STAFF_ROLE)
    tally.count(1, are_new=is_new)
    definitions = course.definitions()
    is_new = get_course_exam_configuration_by_course_id(course.course_id) is None
    if is_new:
        create_or_update_course_exam_configuration(
            course.course_id, course.proctored_by, course.escalation_email, by=team
        )
        sync_course_exams(course.course_id, definitions, by=team)
    tally.count(1 + len(definitions), are_new=is_new)


class Command(BaseCommand):
    help = (
        "Adds demo content, for trying the service out: two courses with exams, their course staff, learners and "
        "proctoring providers. What exists is left as it is, a demo course that somebody has changed included, so that "
        "running it again does no harm. Example: manage.py seed_demo"
    )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        tally = Tally()
        with transaction.atomic():
            seed_providers(tally)
            self.stdout.write(f"Providers {', '.join(PROVIDERS)}")
            people = seed_people(tally)
            self.stdout.write(f"People {', '.join(people)}")
            for course in COURSES:
                seed_course(course, people[course.staff], tally)
                self.stdout.write(f"Course {course.course_id}: {len(course.exams)} exams, course staff {course.staff}")
        self.stdout.write(str(tally))
