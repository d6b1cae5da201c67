# SPDX-License-Identifier: AGPL-3.0-only
"""A course's exams as Studio registers them, and one exam as its learner sees it."""

import re

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.permissions import IsCourseStaff
from edx_exams.apps.api.schema import refusals
from edx_exams.apps.api.v1 import serializers
from edx_exams.apps.api.v1.learner_shapes import learners_exam
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView, PolledAPIView
from edx_exams.apps.core.api import (
    exam_in_progress,
    exam_not_in_progress,
    exam_rows,
    get_course_exam_configuration_by_course_id,
    get_exam_provider,
    sync_course_exams,
)
from edx_exams.apps.core.data import ExamDefinition

_EXAM = OpenApiExample(
    "An exam",
    value={
        "exam_name": "Midterm",
        "content_id": "block-v1:Acme+BIO101+2026+type@sequential+block@midterm",
        "time_limit_mins": 60,
        "due_date": "2026-12-01T23:59:00Z",
        "exam_type": "timed",
        "hide_after_due": False,
        "is_active": True,
    },
    request_only=True,
)


class CourseExams(ExamsAPIView):
    """The active exams of a course."""

    permission_classes = (IsCourseStaff,)

    @extend_schema(operation_id="list_exams", responses=serializers.ExamSerializer(many=True))
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """List the course's active exams."""
        return Response(exam_rows(course_id))

    @extend_schema(
        operation_id="push_exams",
        request=serializers.ExamSerializer(many=True),
        responses={200: serializers.EmptySerializer},
        examples=[_EXAM],
    )
    def patch(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """
        Make the course's active exams the ones in the body.

        Those that it does not name become inactive. An exam whose type changes is replaced by a new one; its attempts
        stay with the old one. All or nothing.
        """
        of_course = {"course_id": course_id}
        wanted = self.validated(
            serializers.ExamSerializer, request.data, many=True, max_length=serializers.MAX_EXAMS, context=of_course
        )
        definitions = [ExamDefinition(**exam) for exam in wanted]
        sync_course_exams(course_id, definitions, by=request.user)
        return Response({})


class LearnersExam(PolledAPIView):
    """An exam as the caller, a learner, sees it."""

    @extend_schema(operation_id="get_learners_exam", responses=serializers.LearnersExamAnswerSerializer)
    def get(self, request: AuthenticatedRequest, course_id: str, content_id: str) -> Response:
        """Show the exam and the caller's attempt of it, which is submitted first if its time is over."""
        content_id = with_both_slashes(content_id)
        if exam := exam_in_progress(request.user, course_id, content_id):
            return Response({"exam": learners_exam(exam)})
        return self.answer_not_in_progress(request, course_id, content_id)

    def answer_not_in_progress(self, request: AuthenticatedRequest, course_id: str, content_id: str) -> Response:
        """Show the exam to a caller who is not sitting it."""
        exam = exam_not_in_progress(request.user.pk, course_id, content_id)
        return Response({"exam": learners_exam(exam) if exam else {}})


def with_both_slashes(content_id: str) -> str:
    """Restore an old usage key as it was sent: servers on the way merge the slashes of `i4x://`."""
    return re.sub(r"^i4x:/(?!/)", "i4x://", content_id)


class ProviderSettings(ExamsAPIView):
    """Contacts for a learner for whom proctoring does not work."""

    @extend_schema(operation_id="get_provider_settings", responses=serializers.ProviderSettingsSerializer)
    def get(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        """Show the provider's technical support and the course's escalation address."""
        configuration = get_course_exam_configuration_by_course_id(course_id)
        answer = {"proctoring_escalation_email": configuration.escalation_email if configuration else None}
        if provider := get_exam_provider(course_id, int(exam_id)):
            answer |= {
                "provider_tech_support_email": provider.tech_support_email,
                "provider_tech_support_phone": provider.tech_support_phone,
                "provider_tech_support_url": provider.tech_support_url,
                "provider_name": provider.verbose_name,
            }
        return Response(answer)


class Onboarding(ExamsAPIView):
    """Onboarding exams, which live in the older exam system only."""

    @extend_schema(operation_id="get_onboarding", responses=refusals(404))
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """Answer that this course has no onboarding exam."""
        return Response({"detail": "This course has no onboarding exam."}, status=404)
