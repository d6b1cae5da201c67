# SPDX-License-Identifier: AGPL-3.0-only
"""As the LMS has them, as far as the event bus is concerned."""

import os

SECRET_KEY = "tests-only"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["openedx_events", "tests.services.lms_project.apps.LMS"]

EVENT_BUS_CONSUMER = "edx_event_bus_kafka.KafkaEventConsumer"
EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = os.environ["EXAMS_TEST_KAFKA"]
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = os.environ["EXAMS_TEST_REGISTRY"]
