# SPDX-License-Identifier: AGPL-3.0-only
"""A course's settings for its exams: the provider that proctors them, and the address that learners write to."""

from typing import Final

from django.db.models import Q, QuerySet

from edx_exams.apps.core.data import CourseExamConfigurationData
from edx_exams.apps.core.exams import replace_for_provider
from edx_exams.apps.core.exceptions import NoProvider, UnknownProvider
from edx_exams.apps.core.models import CourseExamConfiguration, Exam, ProctoringProvider, User
from edx_exams.apps.core.prepared import Prepared
from edx_exams.apps.core.transactions import lock_configuration, write_transaction

_of_course: Final = Prepared(
    CourseExamConfiguration,
    lambda course_id: CourseExamConfiguration.objects.filter(course_id=course_id),
    str,
    related=("provider",),
)


def get_course_exam_configuration_by_course_id(course_id: str) -> CourseExamConfigurationData | None:
    """The course's configuration, None if it has none."""
    configuration = get_configuration(course_id)
    if configuration is None:
        return None
    return CourseExamConfigurationData(
        configuration.course_id,
        configuration.provider.name if configuration.provider else None,
        configuration.allow_opt_out,
        configuration.escalation_email,
    )


def get_configuration(course_id: str) -> CourseExamConfiguration | None:
    """Return the course's configuration with its provider; None if it has none. One statement."""
    return next(iter(_of_course(course_id)), None)


@write_transaction
def set_escalation_email(course_id: str, escalation_email: str | None) -> None:
    """
    Name the address that the course's learners write to.

    :raises NoProvider: an address without a provider would reach nobody
    """
    configuration = lock_configuration(course_id)
    if configuration.provider_id is None and escalation_email is not None:
        message = "A course without a proctoring provider has no escalation address."
        raise NoProvider(message)
    configuration.escalation_email = escalation_email
    configuration.save(update_fields=["escalation_email", "modified"])


def get_escalation_email(exam_id: int) -> str | None:
    """Return whom learners of this exam write to; None if the course names nobody or there is no such exam."""
    course_id = Exam.objects.filter(pk=exam_id).values_list("course_id", flat=True).first()
    configuration = _configurations(course_id=course_id).first() if course_id else None
    return configuration.escalation_email if configuration else None


def _configurations(*, course_id: str) -> QuerySet[CourseExamConfiguration]:
    return CourseExamConfiguration.objects.select_related("provider").filter(course_id=course_id)


def get_providers(org_key: str | None = None) -> QuerySet[ProctoringProvider]:
    """
    Vendors of proctoring, by id.

    :param org_key: only those for this organization, or for all
    """
    providers = ProctoringProvider.objects.order_by("pk")
    if org_key is None:
        return providers
    return providers.filter(Q(org_key=org_key) | Q(org_key=None) | Q(org_key=""))


@write_transaction
def create_or_update_course_exam_configuration(
    course_id: str, provider_name: str | None, escalation_email: str | None, *, by: User | None = None
) -> None:
    """
    Say who proctors a course's exams and whom its learners write to.

    Exams that the provider proctors become instances of the new one (`core.exam_instances`). Without a provider there
    is no escalation address.

    :raises UnknownProvider: there is none of that name
    """
    configuration = lock_configuration(course_id)
    provider = _provider(provider_name) if provider_name is not None else None
    changed = configuration.provider_id != (provider.pk if provider else None)
    configuration.provider = provider
    configuration.escalation_email = escalation_email if provider else None
    if changed:
        replace_for_provider(course_id, configuration.provider_id, by=by)
    configuration.save(update_fields=["provider", "escalation_email", "modified"])


@write_transaction
def edit_configuration(course_id: str, *, escalation_email: str | None, allow_opt_out: bool) -> None:
    """
    Change what does not concern the provider. Without one there is no escalation address.

    :raises InvalidCourseId: nothing can be kept of such a course
    """
    configuration = lock_configuration(course_id)
    configuration.escalation_email = escalation_email if configuration.provider_id else None
    configuration.allow_opt_out = allow_opt_out
    configuration.save(update_fields=["escalation_email", "allow_opt_out", "modified"])


def _provider(name: str) -> ProctoringProvider:
    provider = ProctoringProvider.objects.filter(name=name).first()
    if provider is None:
        known = ", ".join(ProctoringProvider.objects.order_by("name").values_list("name", flat=True)) or "none"
        message = f"There is no proctoring provider “{name[:100]}”. There are: {known}."
        raise UnknownProvider(message)
    return provider
