"""``python -m sandbox.prepare``: bring the database up to date and look after the demo courses, in one process."""

import os
from typing import Final

import django
from django.core.management import call_command

SETTINGS: Final = "sandbox.settings"


def prepare() -> None:
    """Migrate, then seed; both leave alone what is there already."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_demo")


if __name__ == "__main__":
    prepare()
