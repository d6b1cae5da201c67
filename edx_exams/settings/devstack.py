# SPDX-License-Identifier: AGPL-3.0-only
"""Open edX's development containers: MySQL, Kafka and the LMS as devstack names them."""

import os

from edx_exams.settings.base import LMS_ROOT_URL as LMS_PUBLIC_ROOT_URL
from edx_exams.settings.local import *  # noqa: F403

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ.get("DB_NAME", "edx_exams"),
        "USER": os.environ.get("DB_USER", "root"),
        "PASSWORD": os.environ.get("DB_PASSWORD", ""),
        "HOST": os.environ.get("DB_HOST", "edx_exams.db"),
        "PORT": os.environ.get("DB_PORT", "3306"),
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"charset": "utf8mb4"},
    }
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": os.environ.get("CACHE_LOCATION", "edx_exams.memcache:11211"),
        "KEY_PREFIX": "edx_exams",
        "OPTIONS": {"ignore_exc": True},  # a cache that is away costs time, and fails nothing
    }
}

LMS_ROOT_URL = "http://edx.devstack.lms:18000"
SOCIAL_AUTH_EDX_OAUTH2_ISSUER = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_ISSUER", LMS_PUBLIC_ROOT_URL)
SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = os.environ.get("SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT", LMS_ROOT_URL)

EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "edx.devstack.kafka:29092"
EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = "http://edx.devstack.schema-registry:8081"
