# SPDX-License-Identifier: AGPL-3.0-only
"""The languages of the service's texts: English, and whatever translations are beside the code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf.locale import LANG_INFO

#: Made by `make dummy_translations` alone: English, from right to left.
RIGHT_TO_LEFT_TEST: Final = "rtl"


def available_languages(locale_path: Path) -> list[tuple[str, str]]:
    """
    Return code and own name of each language that has compiled translations, English first.

    :param locale_path: directory with one directory a locale, as `makemessages` and `atlas pull` lay them out
    """
    compiled = sorted(file.parents[1].name for file in locale_path.glob("*/LC_MESSAGES/django.mo"))
    codes = [_language_code(locale) for locale in compiled if locale != "en"]
    return [("en", "English"), *((code, _own_name(code)) for code in codes)]


def bidirectional(languages: Sequence[str]) -> list[str]:
    """Return the languages, of Django's, that are written from right to left, with the test's."""
    return [*languages, RIGHT_TO_LEFT_TEST]


def _language_code(locale: str) -> str:
    """Return Django's code of a language for the name of its directory: `zh-hans` for `zh_Hans` or `zh_CN`."""
    code = locale.replace("_", "-").lower()
    return {"zh-cn": "zh-hans", "zh-tw": "zh-hant"}.get(code, code)


def _own_name(code: str) -> str:
    for known in (code, code.split("-", maxsplit=1)[0]):
        if "name_local" in LANG_INFO.get(known, {}):
            return str(LANG_INFO[known]["name_local"])
    return code
