# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the service behind a proxy on the sandbox LMS's host, as the how-to tells operators."""

import os

from sandbox.settings import *  # noqa: F403

LMS_ROOT_URL = os.environ["EXAMS_TEST_LMS_ROOT_URL"]
LEGACY_INTERNAL_URL = os.environ["EXAMS_TEST_LEGACY_INTERNAL_URL"]
LEGACY_CONNECT_TIMEOUT = LEGACY_READ_TIMEOUT = 1
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
INSTRUCTOR_API_CSRF_COOKIE = "sandbox_lms_csrftoken"
