# SPDX-License-Identifier: AGPL-3.0-only
from typing import Any, override

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _import_lti_consumer(using: str, verbosity: int, **kwargs: Any) -> None:
    """Import what the earlier service's library left in this database, where it left anything."""
    from edx_exams.apps.lti.lti_consumer_import import NotMigrated, import_registrations  # noqa: PLC0415  (needs the models)

    try:
        report = import_registrations(using=using)
    except NotMigrated:
        return  # this `migrate` stops halfway, or goes backward: the one that completes it does it
    for line in report.news():
        if verbosity:
            print(f"  {line}")  # noqa: T201  (to the operator who migrates)


class LtiConfig(AppConfig):
    """The LTI platform: launches proctoring tools, and lets them control attempts."""

    name = "edx_exams.apps.lti"
    label = "lti"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "LTI proctoring"

    @override
    def ready(self) -> None:
        """Register the checks, the import of old registrations and the purge."""
        from edx_exams.apps.core.attempt_events import sweep_finished  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.core.metrics import register_gauge  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.core.retirement import person_retired  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.lti import checks  # noqa: F401, PLC0415  (registers itself; needs the models)
        from edx_exams.apps.lti.launches import purge  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.lti.models import tools_without_key_set  # noqa: PLC0415  (needs the models)
        from edx_exams.apps.lti.retirement import forget_launches  # noqa: PLC0415  (needs the models)

        register_gauge(
            "edx_exams_tools_without_key_set",
            "Enabled proctoring tools whose key set could not be fetched at the last try.",
            tools_without_key_set,
        )
        post_migrate.connect(_import_lti_consumer, sender=self, dispatch_uid="edx_exams.lti.lti_consumer_import")
        person_retired.connect(forget_launches, dispatch_uid="edx_exams.lti.forget_launches")
        sweep_finished.connect(purge, dispatch_uid="edx_exams.lti.purge")
