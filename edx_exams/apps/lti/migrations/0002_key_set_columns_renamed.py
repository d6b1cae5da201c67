# SPDX-License-Identifier: AGPL-3.0-only
"""Give two columns of the key set's cache the names of what they hold."""

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("lti", "0001_initial")]

    operations: ClassVar[list[Operation]] = [
        migrations.RenameField("ltitool", "keyset_asked_again_at", "keyset_refetched_at"),
        migrations.RenameField("ltitool", "keyset_asking_since", "keyset_fetch_started_at"),
    ]
