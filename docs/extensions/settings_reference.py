# SPDX-License-Identifier: AGPL-3.0-only
"""
Compares reference/settings.rst with the settings that the service defines.

One that is not documented is a warning, and so an error of ``make docs``.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Final

from django.conf import global_settings
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What Django or the settings modules themselves need, and nobody sets.
INTERNAL: Final = {"PROJECT_ROOT", "ROOT_URLCONF"}


def undocumented(page: str) -> list[str]:
    """Return the settings of the base module that are not Django's own and that the page does not name."""
    named = set(re.findall(r"``([A-Z][A-Z0-9_]+)``", page))
    defined = {name for name in vars(import_module("edx_exams.settings.base")) if name.isupper()}
    return sorted(defined - set(dir(global_settings)) - INTERNAL - named)


def compare(app: Sphinx) -> None:
    """Warn of each setting that the reference keeps quiet about."""
    for name in undocumented((Path(app.srcdir) / "reference" / "settings.rst").read_text()):
        logger.warning("reference/settings.rst does not tell of the setting %s", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", compare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
