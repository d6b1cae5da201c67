# SPDX-License-Identifier: AGPL-3.0-only
"""The REST app."""

from typing import override

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class ApiConfig(AppConfig):
    """The REST API: authenticates, calls the domain, answers."""

    name = "edx_exams.apps.api"
    label = "api"

    @override
    def ready(self) -> None:
        """Register what follows a log-in, and the purge of expired sessions."""
        from edx_exams.apps.api import sso  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.core.attempt_events import sweep_finished  # noqa: PLC0415  (needs the models)

        user_logged_in.connect(sso.forget_state, dispatch_uid="edx_exams.api.sso")
        sweep_finished.connect(sso.clear_expired_sessions, dispatch_uid="edx_exams.api.sessions")
