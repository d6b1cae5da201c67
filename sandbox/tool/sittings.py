# SPDX-License-Identifier: AGPL-3.0-only
"""The tool's memory: one sitting per learner, exam and attempt, in a small SQLite file."""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
AP: Final = "https://purl.imsglobal.org/spec/lti-ap/claim/"

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS sitting (
    id TEXT PRIMARY KEY,
    learner TEXT NOT NULL,
    exam TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    began TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (learner, exam, attempt)
)
"""
_LOCK_SECONDS: Final = 10


class State(StrEnum):
    """The state of a sitting; from `running` on in the platform's own words, as it last said."""

    setting_up = "setting_up"
    ready = "ready"
    running = "running"
    paused = "paused"
    complete = "complete"
    terminated = "terminated"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """
    One thing that a proctor did, and how the platform took it.

    :param at: ISO 8601, UTC
    :param severity: 0 to 1, as text; empty if none was given
    :param answer: the platform's status, or its refusal
    """

    at: str
    action: str
    reason: str = ""
    severity: str = ""
    message: str = ""
    minutes: int | None = None
    answer: str = ""
    was_accepted: bool = True

    @property
    def moment(self) -> datetime:
        """The time of the event."""
        return datetime.fromisoformat(self.at)


@dataclass(kw_only=True)
class Sitting:
    """
    One learner's attempt of one exam.

    :param name: as the learner gave it at the check-in; the platform tells none
    :param claims: what the platform said when the learner was last launched to begin
    :param extra_minutes: all that were granted
    :param has_left: the platform has told us that the learner is through
    """

    id: str
    began: str
    claims: dict[str, Any]
    name: str = ""
    state: State = State.setting_up
    extra_minutes: int = 0
    has_left: bool = False
    error: str = ""
    incidents: list[Incident] = field(default_factory=list)

    @classmethod
    def from_document(cls, document: str) -> Self:
        """The sitting that was stored."""
        data = json.loads(document)
        incidents = [Incident(**incident) for incident in data.pop("incidents")]
        return cls(**{**data, "state": State(data["state"])}, incidents=incidents)

    @property
    def learner(self) -> str:
        """The platform's opaque name of the learner."""
        return str(self.claims["sub"])

    @property
    def attempt_number(self) -> int:
        """Counted from 1."""
        return int(self.claims[f"{AP}attempt_number"])

    @property
    def resource_id(self) -> str:
        """The platform's name of the exam."""
        return str(self.claims[f"{LTI}resource_link"]["id"])

    @property
    def exam(self) -> str:
        """Its title."""
        return str(self.claims[f"{LTI}resource_link"].get("title", ""))

    @property
    def course(self) -> str:
        """The course's id."""
        return str(self.claims.get(f"{LTI}context", {}).get("id", ""))

    @property
    def session_data(self) -> str:
        """Data that the platform wants to see again."""
        return str(self.claims[f"{AP}session_data"])

    @property
    def start_assessment_url(self) -> str:
        """Address to which the tool says that the learner may begin."""
        return str(self.claims[f"{AP}start_assessment_url"])

    @property
    def control_url(self) -> str:
        """Address of the platform's Assessment Control Service."""
        return str(self.claims[f"{AP}acs"]["assessment_control_url"])

    @property
    def return_url(self) -> str:
        """Address of the exam."""
        return str(self.claims.get(f"{LTI}launch_presentation", {}).get("return_url", ""))

    @property
    def began_at(self) -> datetime:
        """Time at which the learner first came."""
        return datetime.fromisoformat(self.began)

    @property
    def is_over(self) -> bool:
        """Check whether there is nothing left to watch."""
        return self.has_left or self.state in {State.complete, State.terminated}

    @property
    def status(self) -> str:
        """The state in words for people."""
        if self.state == State.complete or (self.has_left and self.state != State.terminated):
            return "Handed in"
        return _WORDS[self.state]


_WORDS: Final = {
    State.setting_up: "Setting up",
    State.ready: "In the exam",
    State.running: "In the exam",
    State.paused: "Paused",
    State.terminated: "Closed by proctor",
}


def now() -> str:
    """The present moment, as it is stored and sent: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Sittings:
    """All sittings, in a file. Each call is a transaction of its own."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._connected() as connection:
            connection.execute(_TABLE)

    def all(self) -> list[Sitting]:
        """Every sitting, the newest first."""
        with self._connected() as connection:
            rows = connection.execute("SELECT document FROM sitting ORDER BY began DESC").fetchall()
        return [Sitting.from_document(document) for (document,) in rows]

    def get(self, id: str) -> Sitting | None:  # noqa: A002
        """The sitting of this id."""
        with self._connected() as connection:
            return self._one(connection, "id = ?", (id,))

    def begin(self, claims: Mapping[str, Any]) -> Sitting:
        """The sitting of these claims of a launch, made if it is the first; a later launch brings newer claims."""
        fresh = Sitting(id=secrets.token_hex(8), began=now(), claims=dict(claims))
        with self._connected() as connection:
            known = self._of(connection, fresh)
            sitting = replace(known, claims=fresh.claims) if known else fresh
            self._store(connection, sitting)
        return sitting

    def find(self, claims: Mapping[str, Any]) -> Sitting | None:
        """The sitting that these claims of a launch are about."""
        with self._connected() as connection:
            return self._of(connection, Sitting(id="", began="", claims=dict(claims)))

    @contextlib.contextmanager
    def changing(self, id: str) -> Iterator[Sitting]:  # noqa: A002
        """A sitting to change; it is stored at the end."""
        with self._connected() as connection:
            sitting = self._one(connection, "id = ?", (id,))
            if sitting is None:
                raise LookupError(id)
            yield sitting
            self._store(connection, sitting)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._file, timeout=_LOCK_SECONDS, autocommit=True)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _of(self, connection: sqlite3.Connection, like: Sitting) -> Sitting | None:
        which = (like.learner, like.resource_id, like.attempt_number)
        return self._one(connection, "learner = ? AND exam = ? AND attempt = ?", which)

    @staticmethod
    def _one(connection: sqlite3.Connection, condition: str, values: tuple[object, ...]) -> Sitting | None:
        # The condition is one of this class's own.
        row = connection.execute(f"SELECT document FROM sitting WHERE {condition}", values).fetchone()  # noqa: S608
        return Sitting.from_document(row[0]) if row else None

    @staticmethod
    def _store(connection: sqlite3.Connection, sitting: Sitting) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO sitting (id, learner, exam, attempt, began, document) VALUES (?, ?, ?, ?, ?, ?)",
            (
                sitting.id,
                sitting.learner,
                sitting.resource_id,
                sitting.attempt_number,
                sitting.began,
                json.dumps(asdict(sitting)),
            ),
        )
