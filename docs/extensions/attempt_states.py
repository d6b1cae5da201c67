# SPDX-License-Identifier: AGPL-3.0-only
"""
Draws an attempt's states from the rules' own tables, each time the documentation is built.

``reference/_generated/attempt-states.dot`` is what ``architecture.rst`` shows. A rule that changes changes the picture.
"""

from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Final, NamedTuple

from sphinx.application import Sphinx


class Edge(NamedTuple):
    """A way from statuses to a status: who goes it and by what, and how it is drawn."""

    sources: Set[str]
    target: str
    label: str
    style: str


LEARNER, STAFF, TOOL, TIME = "solid", "dashed", "dotted", "bold"
#: The status of a box from which its arrows are drawn.
_FRONT: Final = {"unfinished": "ready_to_submit", "ended": "submitted"}
_HEAD: Final = """digraph attempt {
    graph [rankdir=TB, compound=true, nodesep=0.35, ranksep=0.55, bgcolor="white"]
    graph [fontname="sans-serif", fontsize=11, color="#5b7083"]
    node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#5b7083", fontname="sans-serif", fontsize=11]
    edge [color="#42566a", arrowsize=0.7, fontname="sans-serif", fontsize=9]
"""


def groups() -> dict[str, Set[str]]:
    """Return the boxes around statuses, by title; one that holds others after them."""
    from edx_exams.apps.core.statuses import ExamAttemptStatus as Status  # noqa: PLC0415 - needs Django's apps
    from edx_exams.apps.core.transition_rules import STAFF_TRANSITIONS  # noqa: PLC0415

    judged = {str(transition.to) for transition in STAFF_TRANSITIONS.values()}
    return {
        "in progress": Status.in_progress_statuses,
        "not begun": Status.incomplete_statuses - Status.in_progress_statuses,
        "ended": Status.completed_statuses - judged,
        "judged": judged,
        "unfinished": Status.incomplete_statuses,
    }


def edges() -> Iterator[Edge]:
    """Yield each way that the rules allow."""
    from edx_exams.apps.core import transition_rules as rules  # noqa: PLC0415 - needs Django's apps
    from edx_exams.apps.core.statuses import ExamAttemptStatus as Status  # noqa: PLC0415

    for action, (to, allowed_from, _) in rules.LEARNER_TRANSITIONS.items():
        yield Edge(allowed_from, to, action, LEARNER)
    yield Edge(rules.MARK_READY.allowed_from, rules.MARK_READY.to, "tool: ready", TOOL)
    for staff_action, (to, allowed_from, _) in rules.STAFF_TRANSITIONS.items():
        yield Edge(allowed_from - {Status.expired}, to, staff_action, STAFF)
    for verdict in verdicts():
        # What is unfinished is submitted first.
        ended = rules.CONTROL_ALLOWED_FROM[rules.ControlAction.TERMINATE] & {Status.submitted}
        yield Edge(ended, verdict, "tool: terminate", TOOL)
    yield Edge(Status.in_progress_statuses, Status.submitted, "time is over", TIME)


def verdicts() -> list[str]:
    """Return where a tool's termination can lead, as the code decides it."""
    from datetime import UTC, datetime  # noqa: PLC0415 - with what they are used for
    from decimal import Decimal  # noqa: PLC0415

    from edx_exams.apps.core import proctoring  # noqa: PLC0415
    from edx_exams.apps.core.transition_rules import ControlAction  # noqa: PLC0415

    reports = (
        proctoring.ControlReport(ControlAction.TERMINATE, datetime.now(UTC), severity=severity, reason_code=code)
        for code in (proctoring.ENDED_NORMALLY, None)
        for severity in (Decimal(0), Decimal(1))
    )
    return sorted({str(proctoring._verdict(report)) for report in reports})  # noqa: SLF001 - the decision itself


def sources_of(edge: Edge) -> Iterator[tuple[str, str]]:
    """Yield from where an edge is drawn: a node, and the box that it stands for, if it does."""
    left = set(edge.sources) - {edge.target}
    for title, members in reversed(groups().items()):
        if members <= left and len(members) > 1:
            left -= members
            yield _FRONT.get(title) or min(members), _name(title)
    yield from ((status, "") for status in sorted(left))


def _name(title: str) -> str:
    return f"cluster_{title.replace(' ', '_')}"


def draw() -> str:
    """Return the picture in Graphviz's language."""
    boxes = {title: _box(title, _nodes(members)) for title, members in groups().items() if title != "unfinished"}
    lines = [
        _HEAD,
        *_box("unfinished", [*boxes["not begun"], *boxes["in progress"]]),
        *boxes["ended"],
        *boxes["judged"],
    ]
    for edge in edges():
        for source, box in sources_of(edge):
            tail = f", ltail={box}" if box else ""
            lines.append(f'{source} -> {edge.target} [label="{edge.label}", style="{edge.style}"{tail}]')
    return "\n".join([*lines, "}", ""])


def _nodes(statuses: Iterable[str]) -> list[str]:
    return [f'{status} [label="{status}"]' for status in sorted(statuses)]


def _box(title: str, lines: list[str]) -> list[str]:
    return [f'subgraph {_name(title)} {{ label="{title}"; style="rounded"', *lines, "}"]


def write(app: Sphinx) -> None:
    """Write the picture; a file that would not change keeps its date."""
    target = Path(app.srcdir) / "reference" / "_generated" / "attempt-states.dot"
    target.parent.mkdir(exist_ok=True)
    text = draw()
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
