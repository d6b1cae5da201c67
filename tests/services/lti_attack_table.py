# SPDX-License-Identifier: AGPL-3.0-only
"""A table of attacks: what was sent, what came back, and whether anything changed. Printed after the last test."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

import pytest

from tests.lti.vendor import Form
from tests.services.server import Answer

_LONGEST = 100


@dataclass(frozen=True)
class Attack:
    """One of them, as it went."""

    kind: str
    name: str
    answers: Sequence[Answer]
    changes: Sequence[str] = ()

    @property
    def row(self) -> tuple[str, ...]:
        statuses = ", ".join(dict.fromkeys(str(answer.status) for answer in self.answers))
        return self.kind, self.name, str(len(self.answers)), statuses, said(self.answers[-1]), ", ".join(self.changes)


@dataclass
class AttackTable:
    """A plug-in of pytest: it prints what was added to it."""

    attacks: list[Attack] = field(default_factory=list)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.attacks:
            return
        rows: list[tuple[str, ...]] = [("on", "attack", "requests", "status", "answer", "changed")]
        rows += [(*attack.row[:-1], attack.row[-1] or "nothing") for attack in self.attacks]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        terminalreporter.section("attacks on proctoring")
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            terminalreporter.write_line(line.rstrip())


def said(answer: Answer) -> str:
    """An answer's text, in short."""
    if answer.headers.get("content-type", "").endswith("json"):
        body = answer.json
        text = str(body.get("detail") or body.get("error_description") or body)
    else:
        page = answer.content.decode()
        text = Form(page).fields.get("error_description") or paragraph(page)
    text = unescape(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def paragraph(page: str) -> str:
    """The first paragraph of a page of ours."""
    return page.partition("<p>")[2].partition("</p>")[0].strip().replace("\n", " ")
