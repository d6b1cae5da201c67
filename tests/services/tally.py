# SPDX-License-Identifier: AGPL-3.0-only
"""A table of the results of many rounds of simultaneous requests."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.services.server import Answer


@dataclass
class Line:
    """One scenario on one database."""

    database: str
    scenario: str
    rounds: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    anomalies: list[str] = field(default_factory=list)

    def add(self, answers: list[Answer], anomalies: list[str]) -> None:
        """Count a round; an answer of the server's own failure is an anomaly too."""
        self.rounds += 1
        self.statuses.update(answer.status for answer in answers)
        self.anomalies += [f"round {self.rounds}: {anomaly}" for anomaly in anomalies]
        self.anomalies += [f"round {self.rounds}: {answer}" for answer in answers if answer.status >= 500]


class Tally:
    """All lines, in the order in which they were begun."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def line(self, database: str, scenario: str) -> Line:
        """A new line."""
        line = Line(database, scenario)
        self._lines.append(line)
        return line

    def lines(self) -> list[str]:
        """The table as text; empty if nothing was counted."""
        if not self._lines:
            return []
        table = [("database", "scenario", "rounds", "requests", "statuses", "anomalies")]
        for line in self._lines:
            statuses = ", ".join(f"{times} x {status}" for status, times in sorted(line.statuses.items()))
            requests = sum(line.statuses.values())
            table.append(
                (line.database, line.scenario, str(line.rounds), str(requests), statuses, str(len(line.anomalies)))
            )
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


TALLY = pytest.StashKey[Tally]()
