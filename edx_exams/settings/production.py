# SPDX-License-Identifier: AGPL-3.0-only
"""
A deployment: what the YAML file named by `EDX_EXAMS_CFG` says, on top of base.

Three dictionaries of the file are merged into ours; everything else in it replaces. Placeholders of secrets that nobody
replaced keep the service from starting (`edx_exams.apps.core.checks`), and so does a missing file; the module can be
imported without one, for `collectstatic` in the build of an image.
"""

import os
from importlib.util import find_spec

from edx_exams.logs import logging_configuration
from edx_exams.settings import yaml_file
from edx_exams.settings.base import *  # noqa: F403
from edx_exams.settings.base import INSTALLED_APPS
from edx_exams.settings.event_bus import apply_event_bus_overrides

DEBUG = False
if find_spec("release_util"):  # migration commands of Open edX's deployment pipelines, which the service runs without
    INSTALLED_APPS = [*INSTALLED_APPS, "release_util"]
ALLOWED_HOSTS = ["*"]
EMAIL_BACKEND = "django_ses.SESBackend"
REFUSE_PLACEHOLDER_SECRETS = True

CONFIGURATION_FILE = os.environ.get("EDX_EXAMS_CFG") or None
_file = yaml_file.read(CONFIGURATION_FILE) if CONFIGURATION_FILE else {}
NAMES_IN_CONFIGURATION_FILE = yaml_file.names_in(_file)
yaml_file.apply(_file, globals())
apply_event_bus_overrides(globals())
yaml_file.apply_migration_account(os.environ, globals())
yaml_file.apply_transactions(globals())
yaml_file.apply_https(globals())

if "LOGGING" not in _file:
    LOGGING = logging_configuration(globals()["LOGGING_FORMAT"])
