# SPDX-License-Identifier: AGPL-3.0-only
"""Tells Tutor about edx-exams: its configuration, images, start-up tasks, templates and patches."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from tutor import hooks

from .__about__ import __version__

NAME = "edx-exams"
#: Port of the service, in its container and, in development, on the host.
PORT = 18740
ROOT = Path(__file__).parent
TEMPLATES = ROOT / "templates"

#: Configuration that an operator may change. Names get the prefix `EDX_EXAMS_`. The README explains each.
DEFAULTS: dict[str, Any] = {
    "VERSION": __version__,
    "HOST": "exams.{{ LMS_HOST }}",
    "DOCKER_IMAGE": "{{ DOCKER_REGISTRY }}edx-exams:{{ EDX_EXAMS_VERSION }}",
    "REPOSITORY": "https://github.com/openedx/edx-exams.git",
    "REPOSITORY_VERSION": "main",
    "EXTRA_PIP_REQUIREMENTS": [],
    "GUNICORN_WORKERS": 2,
    "MYSQL_DATABASE": "edx_exams",
    "MYSQL_USERNAME": "edx_exams",
    "SERVICE_USERNAME": "edx_exams_worker",
    "OAUTH2_KEY": "edx-exams",
    "OAUTH2_KEY_DEV": "edx-exams-dev",
    "OAUTH2_KEY_SSO": "edx-exams-sso",
    "OAUTH2_KEY_SSO_DEV": "edx-exams-sso-dev",
    "CACHE_REDIS_DB": "{{ OPENEDX_CACHE_REDIS_DB }}",
    # Tutor's own services use database 0 of this Redis, and the prefix `dev`, for the event bus.
    "EVENT_BUS_REDIS_URL": (
        "redis://{% if REDIS_PASSWORD %}{{ REDIS_USERNAME|urlencode }}:"
        "{{ REDIS_PASSWORD|urlencode|replace('/', '%2F') }}{% endif %}@{{ REDIS_HOST }}:{{ REDIS_PORT }}/"
    ),
    "EVENT_BUS_TOPIC_PREFIX": "dev",
    "SWEEP_SECONDS": 30,
    "LEGACY_EXAMS_ENABLED": True,
    "INSTRUCTOR_DASHBOARD": True,
    "ENABLE_FOR_ALL_COURSES": True,
}

#: Secrets, made once and kept in Tutor's config.yml.
UNIQUE: dict[str, str] = {
    "SECRET_KEY": "{{ 48|random_string }}",
    "MYSQL_PASSWORD": "{{ 16|random_string }}",
    "OAUTH2_SECRET": "{{ 32|random_string }}",
    "OAUTH2_SECRET_SSO": "{{ 32|random_string }}",
    # Signs exam access tokens. Not the platform's own key: whoever has that one can be anybody.
    "TOKEN_SIGNING_RSA_KEY": "{{ 2048|rsa_private_key }}",
}

hooks.Filters.CONFIG_DEFAULTS.add_items([(f"EDX_EXAMS_{name}", value) for name, value in DEFAULTS.items()])
hooks.Filters.CONFIG_UNIQUE.add_items([(f"EDX_EXAMS_{name}", value) for name, value in UNIQUE.items()])

# In this order: the database, then the accounts in the LMS, then our tables.
for service in ("mysql", "lms", NAME):
    task = (TEMPLATES / NAME / "tasks" / service / "init").read_text(encoding="utf-8")
    hooks.Filters.CLI_DO_INIT_TASKS.add_item((service, task))

hooks.Filters.IMAGES_BUILD.add_item((NAME, ("plugins", NAME, "build", NAME), "{{ EDX_EXAMS_DOCKER_IMAGE }}", ()))
hooks.Filters.IMAGES_PULL.add_item((NAME, "{{ EDX_EXAMS_DOCKER_IMAGE }}"))
hooks.Filters.IMAGES_PUSH.add_item((NAME, "{{ EDX_EXAMS_DOCKER_IMAGE }}"))

hooks.Filters.ENV_TEMPLATE_ROOTS.add_item(str(TEMPLATES))
hooks.Filters.ENV_TEMPLATE_TARGETS.add_items([(f"{NAME}/build", "plugins"), (f"{NAME}/apps", "plugins")])


@hooks.Filters.COMPOSE_MOUNTS.add()
def mount_checkout(mounts: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Mount a checkout of the service (`tutor mounts add …/edx-exams`) over the code of all its containers."""
    if name == NAME:
        mounts.append((NAME, "/openedx/edx-exams"))
    return mounts


@hooks.Filters.IMAGES_BUILD_MOUNTS.add()
def build_from_checkout(mounts: list[tuple[str, str]], host_path: str) -> list[tuple[str, str]]:
    """Build the image from a mounted checkout instead of the repository."""
    if Path(host_path).name == NAME:
        mounts.append((NAME, f"{NAME}-src"))
    return mounts


@hooks.Filters.APP_PUBLIC_HOSTS.add()
def public_hosts(hosts: list[str], context_name: Literal["local", "dev"]) -> list[str]:
    """List the service among the addresses that Tutor prints after a launch."""
    hosts.append("{{ EDX_EXAMS_HOST }}" + (f":{PORT}" if context_name == "dev" else ""))
    return hosts


def digest(text: str) -> str:
    """Return a short fingerprint: pods whose annotation has it restart when the text changes."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


hooks.Filters.ENV_TEMPLATE_FILTERS.add_item(("edx_exams_digest", digest))

try:
    from tutormfe.hooks import MFE_APPS
except ImportError:  # a platform without micro-frontends
    pass
else:

    @MFE_APPS.add()
    def add_dashboard(apps: dict[str, Any]) -> dict[str, Any]:
        """Add the instructors' exams dashboard to the MFE image. It has no branch for each release of the platform."""
        apps.setdefault(
            "exams-dashboard",
            {
                "repository": "https://github.com/openedx/frontend-app-exams-dashboard.git",
                "port": 2020,
                "version": "master",
            },
        )
        return apps


for path in sorted((ROOT / "patches").iterdir()):
    hooks.Filters.ENV_PATCHES.add_item((path.name, path.read_text(encoding="utf-8")))
