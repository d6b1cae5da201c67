# SPDX-License-Identifier: AGPL-3.0-only
"""Code blocks of a documentation page, as a reader meets them."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final, NamedTuple

_DIRECTIVE: Final = re.compile(r"( *)\.\. (code-block|literalinclude):: (\S+)")
_UNDERLINE: Final = re.compile(r"([#*=~-])\1{3,}")


class Block(NamedTuple):
    """One block: the page and line where it begins, the title of its section, its language, its text."""

    page: Path
    line: int
    section: str
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order, those that it includes from files too."""
    lines = page.read_text(encoding="utf-8").splitlines()
    section = ""
    for number, line in enumerate(lines):
        if _UNDERLINE.fullmatch(line) and lines[number - 1].strip():
            section = lines[number - 1]
        if not (found := _DIRECTIVE.match(line)):
            continue
        margin, kind, argument = found.groups()
        body = list(_indented(lines[number + 1 :], len(margin)))
        if kind == "code-block":
            language, text = argument, dedent("\n".join(line for line in body if not line.lstrip().startswith(":")))
        else:
            options = dict(re.findall(r":(\w+): *(\S+)", "\n".join(body)))
            language, text = options.get("language", ""), (page.parent / argument).read_text(encoding="utf-8")
        yield Block(page, number + 1, section, language, text.strip("\n") + "\n")


def commands(page: Path, section: str | None = None) -> list[Block]:
    """Return the blocks for a shell, of one section if it is named."""
    found = [
        block for block in blocks(page) if block.language == "shell" and (section is None or block.section == section)
    ]
    assert found, f"{page} has no commands under {section!r}"
    return found


def _indented(lines: list[str], margin: int) -> Iterator[str]:
    """Yield the lines that belong to a directive: they are indented further than it."""
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= margin:
            return
        yield line
