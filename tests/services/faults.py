# SPDX-License-Identifier: AGPL-3.0-only
"""A table of the results of each fault."""

from typing import Final

import pytest

from tests.services.ledger import Balance
from tests.services.load import Load

_HEADINGS: Final = (
    "fault", "attempts", "committed", "messages", "lost", "phantom", "duplicates", "disorder",
    "requests", "503", "cut", "healthy ms", "median", "longest s", "all sent s", "",
)  # fmt: skip


class Faults:
    """One line for each run of a scenario."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, ...]] = [_HEADINGS]

    def add(
        self,
        name: str,
        load: Load,
        balance: Balance,
        *,
        healthy: float,
        median: float,
        longest: float,
        recovery: float,
        notes: list[str],
    ) -> None:
        """
        Add a run.

        :param healthy: median latency before the fault, seconds
        :param median: the same during it
        :param longest: the longest request during it, seconds
        :param recovery: seconds from the end of the load until everything was sent
        """
        cells = (
            name, load.attempts, balance.committed, balance.messages, len(balance.lost), len(balance.phantom),
            balance.duplicates, balance.disorder, len(load.samples), load.count(503), load.count(0),
            f"{healthy * 1000:.0f}", f"x {median / healthy:.2f}", f"{longest:.1f}", f"{recovery:.1f}", "; ".join(notes),
        )  # fmt: skip
        self._lines.append(tuple(map(str, cells)))

    def lines(self) -> list[str]:
        """The table as CSV, which is how docs/ keeps it; empty if nothing was broken."""
        return [", ".join(f'"{cell}"' for cell in line) for line in self._lines] if len(self._lines) > 1 else []


FAULTS = pytest.StashKey[Faults]()
