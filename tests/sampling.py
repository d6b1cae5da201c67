# SPDX-License-Identifier: AGPL-3.0-only
"""
The quick run of the suite: some rows of each table, and few examples of each property.

`make test` samples, to be done in a minute. `make coverage`, and pytest without `--sample`, leave nothing out.
"""

from collections import defaultdict
from typing import Final

import pytest

_OPTION: Final = "--sample"
_QUICK_EXAMPLES: Final = 10
_sampling = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that samples."""
    parser.addoption(
        _OPTION,
        type=int,
        default=0,
        metavar="ROWS",
        help="of each parametrized test run this many rows, first and last among them, and no test marked exhaustive",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Note whether this run samples, before the tests are imported."""
    global _sampling  # noqa: PLW0603
    _sampling = bool(config.getoption(_OPTION))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run does not sample."""
    if not (rows := config.getoption(_OPTION)):
        return
    tables: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        tables[item.nodeid.partition("[")[0]].append(item)
    kept = {
        table[index].nodeid
        for table in tables.values()
        for index in _spread(len(table), rows)
        if table[index].get_closest_marker("exhaustive") is None
    }
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in kept])
    items[:] = [item for item in items if item.nodeid in kept]


def examples(count: int) -> int:
    """Return how many examples Hypothesis tries: `count`, or few in a run that samples."""
    return min(count, _QUICK_EXAMPLES) if _sampling else count


def _spread(size: int, rows: int) -> list[int]:
    """Return `rows` indices of a table, spread evenly from its first row to its last."""
    if size <= rows or rows < 2:
        return list(range(size))[: max(rows, 1)]
    return [round(row * (size - 1) / (rows - 1)) for row in range(rows)]
