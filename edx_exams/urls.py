# SPDX-License-Identifier: AGPL-3.0-only
"""Everything that the service answers."""

from auth_backends.urls import oauth2_urlpatterns
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerView

from edx_exams.apps.api import errors, sso
from edx_exams.apps.api.auto_auth import auto_auth
from edx_exams.apps.api.document import OpenAPIDocument
from edx_exams.apps.api.health import health
from edx_exams.apps.api.home import favicon, home
from edx_exams.apps.api.probes import live, ready
from edx_exams.apps.instructor.views.review_dashboard import ReviewDashboard
from edx_exams.apps.lti.views.pages import browser_lock
from edx_exams.monitoring import metrics_page

admin.site.site_header = admin.site.site_title = "Special exams"

_READ = ["get", "head"]

urlpatterns = [
    # What is asked for most comes first: each pattern before it costs time.
    path("api/v1/", include("edx_exams.apps.router.urls")),  # before the API's own
    path("api/v1/", include("edx_exams.apps.api.v1.urls")),
    re_path(r"^health/?\Z", health, name="health"),
    # Before social_django's own, of the same names and paths.
    path("login/<str:backend>/", sso.begin),
    path("complete/<str:backend>/", sso.complete),
    *oauth2_urlpatterns,
    path("", home, name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("admin/", admin.site.urls),
    # As people type them.
    re_path(r"^(?P<name>admin|login|logout)\Z", RedirectView.as_view(url="/%(name)s/", query_string=True)),
    path("api/instructor/v2/", include("edx_exams.apps.instructor.urls")),
    re_path(
        r"^api/edx_proctoring/v1/instructor/(?P<course_id>.+?)(?:/(?P<exam_id>[0-9]{1,19}))?/?\Z",
        ReviewDashboard.as_view(),
        name="review-dashboard",
    ),
    re_path(r"^api-docs/schema/?\Z", OpenAPIDocument.as_view(http_method_names=_READ), name="schema"),
    re_path(
        r"^api-docs/?\Z",
        # Its page answers OPTIONS with an error of its own.
        SpectacularSwaggerView.as_view(url_name="schema", http_method_names=_READ),
        name="api-docs",
    ),
    # Where the earlier service had its documentation.
    re_path(r"^swagger/?\Z", RedirectView.as_view(pattern_name="api-docs")),
    re_path(r"^live/?\Z", live, name="live"),
    re_path(r"^ready/?\Z", ready, name="ready"),
    re_path(r"^heartbeat/?\Z", ready, name="heartbeat"),
    re_path(r"^metrics/?\Z", metrics_page, name="metrics"),
    re_path(r"^auto_auth/?\Z", auto_auth, name="auto-auth"),
    path("lti/", include("edx_exams.apps.lti.urls")),
    path("browser_lock", browser_lock),
    path("browser_lock/", browser_lock, name="browser-lock"),
    path("", include("csrf.urls")),
    re_path(r"^api(?:/|\Z)", errors.not_found),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
