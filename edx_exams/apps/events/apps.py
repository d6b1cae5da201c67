# SPDX-License-Identifier: AGPL-3.0-only
"""The events app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The outbox and its relay; the consumer of the platform's events."""

    name = "edx_exams.apps.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Event bus"

    def ready(self) -> None:
        """Register the checks, the receivers of the platform's events, the health detail and the log filters."""
        from edx_exams.apps.core.health import register_detail  # noqa: PLC0415  (these need the apps)
        from edx_exams.apps.core.metrics import register_gauge  # noqa: PLC0415
        from edx_exams.apps.core.retirement import person_retired  # noqa: PLC0415
        from edx_exams.apps.events import checks, handlers  # noqa: F401, PLC0415  (register themselves)
        from edx_exams.apps.events.health import EmailHealth, OutboxHealth  # noqa: PLC0415
        from edx_exams.apps.events.lease import lease_seconds  # noqa: PLC0415
        from edx_exams.apps.events.privacy import keep_event_data_out_of_logs  # noqa: PLC0415
        from edx_exams.apps.events.retirement import forget_person  # noqa: PLC0415

        person_retired.connect(forget_person, dispatch_uid="edx_exams.events.forget_person")
        register_detail("outbox_status", OutboxHealth())
        register_detail("email_status", EmailHealth())
        register_gauge(
            "edx_exams_relay_lease_seconds", "Seconds until the relay's lease ends; 0: no relay.", lease_seconds
        )
        keep_event_data_out_of_logs()
