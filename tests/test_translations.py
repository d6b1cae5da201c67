# SPDX-License-Identifier: AGPL-3.0-only
"""Texts for people are marked for translation, and pages are written from right to left where the language is."""

import re
from pathlib import Path
from typing import Final

import pytest
from django.template import engines
from django.template.base import TextNode
from django.template.loader import render_to_string
from django.utils import translation

from edx_exams.settings.languages import available_languages

PACKAGE: Final = Path(__file__).resolve().parents[1] / "edx_exams"
TEMPLATES: Final = sorted(path for path in PACKAGE.rglob("templates/**/*") if path.is_file())

_NO_TEXT: Final = re.compile(r"<(style|script)\b.*?</\1>|<!--.*?-->|<[^>]*>|&\w+;|https?:", re.DOTALL)

#: The admin's block for names of classes.
_CLASSES: Final = re.compile(r"{% block bodyclass %}.*?{% endblock %}", re.DOTALL)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_text_of_a_template_stands_outside_of_a_translation(template: Path) -> None:
    source = _CLASSES.sub("", template.read_text())
    parsed = engines["django"].from_string(source).template  # type: ignore[attr-defined]  # Django's own, inside
    text = "".join(node.s for node in parsed.nodelist.get_nodes_by_type(TextNode))
    assert re.findall(r"[^\W\d_]{2,}", _NO_TEXT.sub(" ", text)) == []


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl"), ("he", "rtl"), ("rtl", "rtl")])
def test_pages_have_the_direction_of_their_language(language: str, direction: str) -> None:
    with translation.override(language):
        page = render_to_string("lti/browser_lock.html")
    assert f'<html lang="{language}" dir="{direction}">' in page


def test_styles_name_no_side() -> None:
    """`left` and `right` are wrong in half of the directions; `start` and `end` are right in both."""
    for template in TEMPLATES:
        for style in re.findall(r"<style.*?</style>", template.read_text(), re.DOTALL):
            assert not re.search(r"\b(left|right)\b", style), template


def test_languages_are_those_that_have_compiled_translations(tmp_path: Path) -> None:
    for locale, compiled in (("ar", True), ("pt_BR", True), ("zh_CN", True), ("fr", False), ("rtl", True)):
        messages = tmp_path / locale / "LC_MESSAGES"
        messages.mkdir(parents=True)
        (messages / ("django.mo" if compiled else "django.po")).touch()
    assert available_languages(tmp_path) == [
        ("en", "English"),
        ("ar", "العربيّة"),
        ("pt-br", "Português Brasileiro"),
        ("rtl", "rtl"),
        ("zh-hans", "简体中文"),
    ]
