# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py rotate_lti_encryption`: encrypt the platform's private keys anew."""

from typing import Any, override

from django.core.management.base import BaseCommand, CommandError

from edx_exams.apps.lti.platform_keys import rotate_encryption


class Command(BaseCommand):
    help = (
        "Encrypts the platform's private LTI keys with the first of LTI_KEY_ENCRYPTION_KEYS (put the new key there, the"
        " former one behind it), after which the others are no longer needed. Example: manage.py rotate_lti_encryption"
    )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        done, locked = rotate_encryption()
        self.stdout.write(
            f"{done + len(locked):,} platform keys: {done:,} encrypted anew, {len(locked):,} could not be opened"
        )
        if locked:
            raise CommandError(f"No encryption key opens: {', '.join(locked)}.")
