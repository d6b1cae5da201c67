# SPDX-License-Identifier: AGPL-3.0-only
"""The exam configuration of a course, and the proctoring providers."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.permissions import IsCourseStaffOrReadOnly
from edx_exams.apps.api.v1 import serializers
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView
from edx_exams.apps.core.api import (
    create_or_update_course_exam_configuration,
    get_course_exam_configuration_by_course_id,
    get_providers,
)


class CourseConfiguration(ExamsAPIView):
    """The exam configuration of a course."""

    permission_classes = (IsCourseStaffOrReadOnly,)

    @extend_schema(operation_id="get_configuration", responses=serializers.ConfigurationSerializer)
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """Show the course's proctoring provider and escalation address, null where it has none."""
        configuration = get_course_exam_configuration_by_course_id(course_id)
        return Response(
            {
                "provider": configuration.provider if configuration else None,
                "escalation_email": configuration.escalation_email if configuration else None,
            }
        )

    @extend_schema(
        operation_id="change_configuration",
        request=serializers.ConfigurationSerializer,
        responses={204: None},
        examples=[
            OpenApiExample("A provider", value={"provider": "acme", "escalation_email": "help@example.com"}),
            OpenApiExample("None", value={"provider": None, "escalation_email": None}),
        ],
    )
    def patch(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """
        Set the course's proctoring provider and escalation address.

        With another provider than before, every active exam is retired and replaced by a copy.
        """
        wanted = self.validated(serializers.ConfigurationSerializer, request.data)
        create_or_update_course_exam_configuration(
            course_id, wanted["provider"], wanted["escalation_email"], by=request.user
        )
        return Response(status=204)


class Providers(ExamsAPIView):
    """Proctoring providers that courses can choose from."""

    @extend_schema(
        operation_id="list_providers",
        parameters=[
            OpenApiParameter("org", str, description="Only those for this organization, or for all. Blank: as absent.")
        ],
        responses=serializers.ProviderSerializer(many=True),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List the providers."""
        providers = get_providers(request.query_params.get("org", "").strip() or None)
        return Response(serializers.ProviderSerializer(providers, many=True).data)
