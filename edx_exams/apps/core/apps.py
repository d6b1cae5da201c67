# SPDX-License-Identifier: AGPL-3.0-only
"""The domain app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from edx_exams.apps.core.connections import tune_connection
from edx_exams.logs import quieten_libraries


class CoreConfig(AppConfig):
    """Exams, attempts, who may do what, and everything else that is the domain."""

    name = "edx_exams.apps.core"
    label = "core"
    default_auto_field = "django.db.models.AutoField"
    verbose_name = "Special exams"

    def ready(self) -> None:
        """Register the checks and the connections' settings."""
        from edx_exams.apps.core import checks, database_checks  # noqa: F401, PLC0415  (register themselves)
        from edx_exams.apps.core.metrics import attempts_left_over, register_gauge  # noqa: PLC0415  (needs the models)

        quieten_libraries()
        register_gauge(
            "edx_exams_attempts_left_over",
            "Attempts whose time has been over for a minute: the sweep is late.",
            attempts_left_over,
        )
        connection_created.connect(tune_connection, dispatch_uid="edx_exams.core.tune_connection")
