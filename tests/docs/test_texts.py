# SPDX-License-Identifier: AGPL-3.0-only
"""Numbers and names that a text repeats from a file, held against that file."""

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.docs

ROOT: Final = Path(__file__).resolve().parents[2]


def test_the_gate_of_coverage_is_the_one_that_developers_read_of() -> None:
    settings = ConfigParser()
    settings.read(ROOT / ".coveragerc")
    gate = settings["report"]["fail_under"]
    for file in ("docs/how-tos/develop.rst", "Makefile"):
        assert re.findall(r"below (\d+) %", (ROOT / file).read_text()) == [gate], file


def test_each_target_that_a_text_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-zA-Z0-9_.%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [*(ROOT / "docs").rglob("*.rst"), *ROOT.glob("*.rst"), ROOT / "tests" / "README.rst"]
    named = {
        (file.name, target)
        for file in texts
        for target in re.findall(r"``make ([a-z0-9_.-]+)", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert sorted((file, target) for file, target in named if target not in targets) == []


def test_consumers_have_one_group_in_all_texts() -> None:
    """An operator who follows two pages must not have two groups."""
    groups = {
        group
        for file in (ROOT / "docs").rglob("*.rst")
        for group in re.findall(r"access-role-lifecycle -g ([\w-]+)", file.read_text(encoding="utf-8"))
    }
    assert groups == {"edx-exams"}


def test_each_file_that_a_text_of_the_repository_links_is_there() -> None:
    links = {
        (file.name, link)
        for file in (*ROOT.glob("*.rst"), ROOT / "sandbox" / "README.rst", ROOT / "tests" / "README.rst")
        for link in re.findall(r"<([\w./-]+)>`_", re.sub(r"\s+", " ", file.read_text(encoding="utf-8")))
    }
    assert len(links) > 10
    assert sorted((name, link) for name, link in links if not (ROOT / link).exists()) == []
