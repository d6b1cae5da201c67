# SPDX-License-Identifier: AGPL-3.0-only
"""The API's paths that may lead to the legacy service, to stand before the API's own."""

from collections.abc import Mapping
from typing import Final

from django.urls import re_path
from rest_framework.views import APIView

from edx_exams.apps.api.v1 import urls
from edx_exams.apps.router import views

#: By the names that the API's paths have.
_ROUTED: Final[Mapping[str, type[APIView]]] = {
    "exams": views.CourseExams,
    "learners-exam": views.LearnersExam,
    "provider-settings": views.ProviderSettings,
    "onboarding": views.Onboarding,
}

app_name = "router"
urlpatterns = [
    re_path(str(ours.pattern), _ROUTED[ours.name].as_view(), name=ours.name)
    for ours in urls.urlpatterns
    if ours.name is not None and ours.name in _ROUTED
]
