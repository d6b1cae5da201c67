"""The events app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """What the platform is owed: events wait here, in the database, until the bus has them."""

    name = "edx_exams.apps.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Event bus"

    def ready(self) -> None:
        """Register the checks."""
        from edx_exams.apps.events import checks  # noqa: F401, PLC0415  (registers itself; needs the apps)
