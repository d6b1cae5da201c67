# SPDX-License-Identifier: AGPL-3.0-only
"""A course's settings for proctoring, as far as they are ours."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from edx_exams.apps.api.views import AuthenticatedRequest
from edx_exams.apps.core.api import get_configuration, set_escalation_email
from edx_exams.apps.instructor import serializers
from edx_exams.apps.instructor.views.base import InstructorAPIView


class ProctoringSettings(InstructorAPIView):
    """The proctoring settings of a course."""

    @extend_schema(
        operation_id="instructor_get_proctoring_settings",
        responses=serializers.ProctoringSettingsSerializer,
    )
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """Show the settings."""
        return Response(_settings_of(course_id))

    @extend_schema(
        operation_id="instructor_change_proctoring_settings",
        request=serializers.ProctoringSettingsChangeSerializer,
        responses=serializers.ProctoringSettingsSerializer,
    )
    def patch(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """Change the escalation address. The other settings follow from the course's provider."""
        wanted = self.validated(serializers.ProctoringSettingsChangeSerializer, request.data)
        present = _settings_of(course_id)
        email = wanted.pop("proctoring_escalation_email", present["proctoring_escalation_email"]) or None
        refused = {name: [_("This cannot be changed here.")] for name in wanted if wanted[name] != present[name]}
        if refused:
            raise ValidationError(refused)
        if email != present["proctoring_escalation_email"]:
            set_escalation_email(course_id, email)
        return Response(_settings_of(course_id))


def _settings_of(course_id: str) -> dict[str, Any]:
    configuration = get_configuration(course_id)
    provider = configuration.provider if configuration else None
    return {
        "proctoring_provider": provider.verbose_name if provider else None,
        "proctoring_escalation_email": configuration.escalation_email if configuration else None,
        "create_zendesk_tickets": False,
        "enable_proctored_exams": provider is not None,
        "supports_onboarding": False,
        "review_dashboard_available": settings.INSTRUCTOR_API_REVIEW_DASHBOARD,
    }
