# SPDX-License-Identifier: AGPL-3.0-only
"""Allowances by a multiplier of the limit, and exceptions for the review."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0008_ours_the_end_of_an_attempt"),
    ]

    operations = [
        migrations.AddField(
            model_name="studentallowance",
            name="review_policy_exception",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="studentallowance",
            name="time_multiplier",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=4, null=True),
        ),
    ]
