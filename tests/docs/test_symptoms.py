# SPDX-License-Identifier: AGPL-3.0-only
"""The page of symptoms quotes what the service says: log lines, checks, alerts, metrics, settings."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

pytestmark = pytest.mark.docs

ROOT: Final = Path(__file__).resolve().parents[2]
HOW_TOS: Final = ROOT / "docs" / "how-tos"
PAGE: Final = HOW_TOS / "symptoms.rst"
#: What the page quotes that is not this service's to say: commands, options, words of other programs.
OF_OTHERS: Final = re.compile(
    r"edx-exams( .+)?|set -a.+|EnvironmentFile=|exam_attempt\.course_key|journalctl .+|chgrp .+|--.+|https?|utf8"
    r"|BACKWARD|Retry-After|EXAMS_SERVICE_URL|manage\.py|…"
)


@cache
def texts() -> str:
    """Each constant text in the service's code, those of one call or one f-string together as the reader sees them."""
    found = []
    for file in (ROOT / "edx_exams").rglob("*.py"):
        if "migrations" not in file.parts:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            found += [
                node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(found)


def is_said(quoted: str) -> bool:
    """Check that the code has each fixed part of the text; `%d` and the like stand where the page has `…`."""
    parts = (part.strip() for part in quoted.split("…"))
    return all(part in texts() for part in parts if len(part) > 2)


def known(quoted: str) -> bool:
    """Check that what is quoted exists, by what kind of thing it is."""
    if OF_OTHERS.fullmatch(quoted):
        return True
    if re.fullmatch(r"Exams[A-Za-z]+", quoted):
        rules = yaml.safe_load((HOW_TOS / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
        return quoted in {rule["alert"] for rule in rules}
    if re.fullmatch(r"edx_exams_\w+", quoted):
        return quoted.removesuffix("_total") in texts()
    if (
        re.fullmatch(r"[A-Z][A-Z_0-9]+", quoted)
        and f"``{quoted}``" in (ROOT / "docs/reference/settings.rst").read_text()
    ):
        return True
    if re.fullmatch(r"/\w+/", quoted):
        return f"{quoted.strip('/')}" in texts()
    return is_said(quoted)


def test_what_is_quoted_exists() -> None:
    quoted = set(re.findall(r"``(.+?)``", PAGE.read_text()))
    assert len(quoted) > 70
    assert sorted(one for one in quoted if not known(one)) == []


def test_every_alert_stands_there() -> None:
    page = PAGE.read_text()
    rules = yaml.safe_load((HOW_TOS / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules if f"``{rule['alert']}``" not in page] == []


def test_every_check_stands_there() -> None:
    few = " ".join(f"``edx_exams.E00{number}``" for number in range(1, 8))
    page = PAGE.read_text().replace("``edx_exams.E001`` to ``edx_exams.E007``", few)
    checks = set(re.findall(r"^edx_exams\.[a-z.]*[EW]\d{3}$", texts(), re.MULTILINE))
    assert len(checks) > 30
    assert sorted(check for check in checks if f"``{check}``" not in page) == []


def test_a_text_that_nobody_says_is_noticed() -> None:
    assert not is_said("Launch refused: the moon is not registered")
    assert not known("ExamsMoonMissing")
    assert not known("edx_exams.E099")
