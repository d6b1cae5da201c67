"""
A deployment: what the YAML file named by `EDX_EXAMS_CFG` says, on top of base.

Three dictionaries of the file are merged into ours; everything else in it replaces. Placeholders of secrets that nobody
replaced keep the service from starting (`edx_exams.apps.core.checks`).
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ImproperlyConfigured

from edx_exams.logs import logging_configuration
from edx_exams.settings.base import *  # noqa: F403
from edx_exams.settings.base import INSTALLED_APPS
from edx_exams.settings.event_bus import apply_event_bus_overrides

#: Dictionaries that the file need not repeat in full.
MERGED = ("JWT_AUTH", "EDX_DRF_EXTENSIONS", "TOKEN_SIGNING")
#: Dictionaries whose contents are settings themselves.
UNPACKED = ("FILE_STORAGE_BACKEND", "MEDIA_STORAGE_BACKEND")

DEBUG = False
if find_spec("release_util"):  # migration commands of Open edX's deployment pipelines, which the service runs without
    INSTALLED_APPS = [*INSTALLED_APPS, "release_util"]
ALLOWED_HOSTS = ["*"]
EMAIL_BACKEND = "django_ses.SESBackend"
REFUSE_PLACEHOLDER_SECRETS = True


def _configuration() -> dict[str, Any]:
    """What the operator's file says."""
    try:
        path = Path(os.environ["EDX_EXAMS_CFG"])
    except KeyError:
        message = "EDX_EXAMS_CFG must name the YAML file with this deployment's settings."
        raise ImproperlyConfigured(message) from None
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        message = f"{path} must be a YAML mapping of setting names to values."
        raise ImproperlyConfigured(message)
    return loaded


_file = _configuration()
for _name in MERGED:
    globals()[_name].update(_file.pop(_name, None) or {})
for _name in UNPACKED:
    globals().update(_file.pop(_name, None) or {})
globals().update(_file)
apply_event_bus_overrides(globals())

# Migrations run under a database account of their own.
for _field in ("USER", "PASS", "ENGINE", "NAME", "HOST", "PORT"):
    if (_value := os.environ.get(f"DB_MIGRATION_{_field}")) is not None:
        globals()["DATABASES"]["default"]["PASSWORD" if _field == "PASS" else _field] = _value

if "LOGGING" not in _file:
    LOGGING = logging_configuration(globals()["LOGGING_FORMAT"])
