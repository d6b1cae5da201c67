from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lti", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="ltitool",
            name="keyset_asked_again_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="ltitool",
            name="keyset_asking_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
