# SPDX-License-Identifier: AGPL-3.0-only
"""Things as tests need them: one factory a model, and attempts that have walked their real life."""

from datetime import datetime, timedelta
from typing import Any

import factory
from django.utils import timezone

from edx_exams.apps.core.api import act_as_learner, create_exam_attempt, get_attempt_to_change, mark_ready
from edx_exams.apps.core.models import (
    AssessmentControlResult,
    CourseExamConfiguration,
    CourseStaffRole,
    Exam,
    ExamAttempt,
    ProctoringProvider,
    StudentAllowance,
    User,
)
from edx_exams.apps.core.transition_rules import LearnerAction

COURSE_ID = "course-v1:Acme+BIO101+2026"


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A learner whom the LMS knows."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"learner{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    full_name = factory.LazyAttribute(lambda user: f"{user.username.title()} Example")
    lms_user_id = factory.Sequence(lambda n: 1000 + n)


class CourseStaffRoleFactory(factory.django.DjangoModelFactory[CourseStaffRole]):
    """A member of a course's team."""

    class Meta:
        model = CourseStaffRole

    user = factory.SubFactory(UserFactory)
    course_id = COURSE_ID
    role = "staff"


class ProviderFactory(factory.django.DjangoModelFactory[ProctoringProvider]):
    """A vendor of proctoring."""

    class Meta:
        model = ProctoringProvider

    name = factory.Sequence(lambda n: f"provider{n}")
    verbose_name = factory.LazyAttribute(lambda provider: f"{provider.name.title()} Proctoring")
    lti_configuration_id = factory.Sequence(str)


class ConfigurationFactory(factory.django.DjangoModelFactory[CourseExamConfiguration]):
    """A course with a provider."""

    class Meta:
        model = CourseExamConfiguration

    course_id = COURSE_ID
    provider = factory.SubFactory(ProviderFactory)


class ExamFactory(factory.django.DjangoModelFactory[Exam]):
    """An active timed exam of an hour, without a due date."""

    class Meta:
        model = Exam

    class Params:
        proctored = factory.Trait(exam_type="proctored", provider=factory.SubFactory(ProviderFactory))
        practice = factory.Trait(exam_type="practice")

    resource_id = factory.Faker("uuid4")
    course_id = COURSE_ID
    content_id = factory.LazyAttributeSequence(
        lambda exam, n: f"block-v1:{exam.course_id.partition(':')[2]}+type@sequential+block@exam{n}"
    )
    exam_name = factory.Sequence(lambda n: f"Exam {n}")
    exam_type = "timed"
    time_limit_mins = 60
    is_active = True


class AllowanceFactory(factory.django.DjangoModelFactory[StudentAllowance]):
    """Ten extra minutes."""

    class Meta:
        model = StudentAllowance

    user = factory.SubFactory(UserFactory)
    exam = factory.SubFactory(ExamFactory)
    extra_time_mins = 10


class ResultFactory(factory.django.DjangoModelFactory[AssessmentControlResult]):
    """A proctoring tool's termination of an attempt."""

    class Meta:
        model = AssessmentControlResult

    action_type = "terminate"
    incident_time = factory.LazyFunction(timezone.now)
    severity = "0.10"
    reason_code = "1"


class OldAttemptFactory(factory.django.DjangoModelFactory[ExamAttempt]):
    """A row as the earlier service left it, in whatever status, with no rule asked and no event sent."""

    class Meta:
        model = ExamAttempt

    user = factory.SubFactory(UserFactory)
    exam = factory.SubFactory(ExamFactory)
    attempt_number = 1
    status = "created"


def make_attempt(
    exam: Exam | None = None,
    user: User | None = None,
    *,
    then: tuple[LearnerAction, ...] = (),
    start_clock: bool = False,
    at: datetime | None = None,
    **exam_fields: Any,
) -> ExamAttempt:
    """
    An attempt that came about as attempts do; where an exam is proctored, its tool has said that the learner is ready.

    :param then: what the learner did next
    :param at: when all of it happened
    """
    exam = exam or ExamFactory.create(**exam_fields)
    user = user or UserFactory.create()
    needs_tool = exam.exam_type == "proctored" and exam.provider_id is not None
    attempt_id = create_exam_attempt(exam.pk, user.pk, start_clock=start_clock and not needs_tool, now=at)
    if needs_tool and (start_clock or LearnerAction.START in then):
        mark_ready(get_attempt_to_change(attempt_id), user, now=at)
    if needs_tool and start_clock:
        then = (LearnerAction.START, *then)
    for action in then:
        act_as_learner(get_attempt_to_change(attempt_id), action, learner=user, now=at)
    return get_attempt_to_change(attempt_id)


def running_attempt(exam: Exam | None = None, user: User | None = None, **fields: Any) -> ExamAttempt:
    """An attempt whose clock has just started."""
    return make_attempt(exam, user, start_clock=True, **fields)


def overdue_attempt(exam: Exam | None = None, user: User | None = None, **fields: Any) -> ExamAttempt:
    """An attempt that was left running two hours ago, its time long over."""
    return make_attempt(exam, user, start_clock=True, at=timezone.now() - timedelta(hours=2), **fields)


def submitted_attempt(exam: Exam | None = None, user: User | None = None, **fields: Any) -> ExamAttempt:
    """An attempt that its learner has handed in."""
    return make_attempt(exam, user, start_clock=True, then=(LearnerAction.SUBMIT,), **fields)
