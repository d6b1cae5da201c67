# SPDX-License-Identifier: AGPL-3.0-only
"""Add to tools whether a browser extension of theirs answers the learning interface."""

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("lti", "0004_identity_columns")]

    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name="ltitool",
            name="extension_answers",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A tool without such an extension has the exam in a frame of ours, which answers in its place.",
                verbose_name="its browser extension answers the learning interface",
            ),
        ),
    ]
