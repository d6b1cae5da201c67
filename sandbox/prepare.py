# SPDX-License-Identifier: AGPL-3.0-only
"""``python -m sandbox.prepare``: bring the database up to date and look after demo courses and tool, in one process."""

import os
from typing import Final

import django
from django.core.management import call_command
from django.db import transaction

from sandbox import registration
from sandbox.environment import this_sandbox
from sandbox.lms.people import PEOPLE

SETTINGS: Final = "sandbox.settings"


def prepare() -> None:
    """Migrate, seed, register the tool, make the operators; all leave alone what is there already."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_demo")
    register_tool()
    make_operators()


def register_tool() -> None:
    """
    Register the proctoring tool as an operator would in the admin, under the addresses that it has this time.

    The demo's provider is told which tool is its own, unless somebody has given it another one.
    """
    from edx_exams.apps.core.management.commands.seed_demo import PROVIDER  # noqa: PLC0415
    from edx_exams.apps.core.models import ProctoringProvider  # noqa: PLC0415  (models need the settings)
    from edx_exams.apps.lti.models import LtiTool  # noqa: PLC0415
    from edx_exams.apps.lti.platform_keys import signing_key, store_key  # noqa: PLC0415

    registered = {
        # The sandbox's own exam pages ask for no extension, and are not made for a frame.
        "extension_answers": this_sandbox().learning_mfe_url is None,
        "oidc_login_url": registration.tool_address(registration.LOGIN_PATH),
        "launch_url": registration.tool_address(registration.LAUNCH_PATH),
        "keyset_url": registration.tool_address(registration.KEY_SET_PATH),
    }
    with transaction.atomic():
        tool, _ = LtiTool.objects.update_or_create(
            client_id=registration.CLIENT_ID,
            defaults=registered,
            create_defaults={
                **registered,
                "name": registration.TOOL_NAME,
                "config_id": registration.CONFIG_ID,
                "deployment_id": registration.DEPLOYMENT_ID,
            },
        )
        if signing_key(tool) is None:
            store_key(tool)
        # Its own name is what the seeded provider has in place of a tool's number.
        ProctoringProvider.objects.filter(name=PROVIDER, lti_configuration_id=PROVIDER).update(
            lti_configuration_id=str(tool.pk)
        )


def make_operators() -> None:
    """Let the platform's global staff into the admin. They sign on by way of the LMS."""
    from edx_exams.apps.core.models import User  # noqa: PLC0415

    for person in PEOPLE:
        if person.administrator:
            operator, is_new = User.objects.get_or_create(
                username=person.username,
                defaults={"lms_user_id": person.user_id, "email": person.email, "is_staff": True, "is_superuser": True},
            )
            if is_new:
                operator.set_unusable_password()
                operator.save()


if __name__ == "__main__":
    prepare()
