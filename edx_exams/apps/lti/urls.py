# SPDX-License-Identifier: AGPL-3.0-only
"""Paths of the LTI platform, below `/lti/`: they are those that vendors have configured already."""

from django.urls import re_path

from edx_exams.apps.lti.views import browser, people, services

app_name = "lti"
urlpatterns = [
    re_path(r"^start_proctoring/(?P<attempt_id>[0-9]{1,19})/?\Z", people.StartProctoring.as_view(), name="start"),
    re_path(r"^end_assessment/(?P<attempt_id>[0-9]{1,19})/?\Z", people.EndAssessment.as_view(), name="end"),
    re_path(r"^exam_frame/(?P<attempt_id>[0-9]{1,19})/?\Z", browser.exam_in_frame, name="exam-frame"),
    re_path(
        r"^exam/(?P<exam_id>[0-9]{1,19})/instructor_tool/?\Z", people.InstructorTool.as_view(), name="instructor-tool"
    ),
    re_path(r"^exam/(?P<exam_id>[0-9]{1,19})/instructor_tool/roster/?\Z", people.Roster.as_view(), name="roster"),
    re_path(r"^lti_consumer/v1/launch\Z", browser.authorize),
    re_path(r"^lti_consumer/v1/launch/\Z", browser.authorize, name="launch"),  # as vendors have it, with its slash
    re_path(r"^lti_consumer/v1/start_proctoring_assessment/?\Z", browser.start_assessment, name="start-assessment"),
    re_path(r"^lti_consumer/v1/token/(?P<config_id>[^/]+)/?\Z", services.token, name="token"),
    re_path(r"^lti_consumer/v1/public_keysets/(?P<config_id>[^/]+)/?\Z", services.key_set, name="key-set"),
    re_path(r"^(?P<tool_id>[0-9]{1,19})/acs/?\Z", services.control, name="acs"),
]
