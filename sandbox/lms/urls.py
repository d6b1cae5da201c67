# SPDX-License-Identifier: AGPL-3.0-only
"""Addresses of the sandbox LMS. Course ids and usage keys hold no slash here, so each is one path segment."""

from django.urls import path

from sandbox.lms import oauth2, views
from sandbox.lms.older_exams import views as older_exams
from sandbox.lms.older_exams.system import PATH

OLDER = PATH.removeprefix("/")

handler404 = "sandbox.lms.views.not_found"

urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.sign_in, name="sign-in"),
    path("logout", views.sign_out, name="sign-out"),
    path("login_refresh", views.login_refresh, name="login-refresh"),
    path("csrf/api/v1/token", views.csrf_token, name="csrf-token"),
    path("oauth2/jwks.json", views.key_set, name="key-set"),
    path("oauth2/authorize", oauth2.authorize, name="authorize"),
    path("oauth2/access_token", oauth2.access_token, name="access-token"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("health/", views.health, name="health"),
    path("support/contact_us", views.contact_us, name="contact-us"),
    path("learning/course/<str:course_id>", views.outline, name="outline"),
    path("learning/course/<str:course_id>/<str:content_id>", views.section_page, name="section"),
    path("content/<str:course_id>/<str:content_id>", views.content, name="content"),
    path("studio/course/<str:course_id>/exams", views.studio, name="studio"),
    path("dashboard/course/<str:course_id>/attempts", views.attempts, name="attempts"),
    path("dashboard/course/<str:course_id>/allowances", views.allowances, name="allowances"),
    # The older exam system: what the exam service asks it, and what its own learners do.
    path(f"{OLDER}exam_registration/course_id/<str:course_id>", older_exams.registration),
    path(f"{OLDER}attempt/course_id/<str:course_id>", older_exams.learners_exam),
    path(f"{OLDER}settings/exam_id/<int:exam_id>/", older_exams.provider_settings),
    path(f"{OLDER}review_policy/exam_id/<int:exam_id>/", older_exams.review_policy),
    path(f"{OLDER}active_attempt", older_exams.active_attempt),
    path(f"{OLDER}attempt", older_exams.create_attempt),
    path(f"{OLDER}attempt/<int:attempt_id>", older_exams.act),
    path("api/edx_proctoring/v1/user_onboarding/status", older_exams.onboarding),
]
