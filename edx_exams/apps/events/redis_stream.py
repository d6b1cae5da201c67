# SPDX-License-Identifier: AGPL-3.0-only
"""A consumer group of a Redis stream, in the terms that the consumer needs."""

from typing import Any, Final, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

#: Entries that are read at once.
_COUNT: Final = 10
#: Entries that are claimed at once.
_CLAIM_COUNT: Final = 100
#: Before the first entry.
_BEGINNING: Final = "0-0"


class Entry(NamedTuple):
    """An entry of the stream; `fields` is None if it was trimmed while it was pending."""

    id: str
    fields: dict[bytes, bytes] | None


class Gap(NamedTuple):
    """Entries that were trimmed before the group read them; `number` is None where Redis does not count them."""

    number: int | None
    after: str
    before: str


class RedisStream:
    """
    A consumer's view of a stream. Every method may raise `RedisError`.

    :param consumer: its name in the group
    """

    def __init__(self, client: Redis, name: str, group: str, consumer: str) -> None:
        self._client: Any = client  # its methods are annotated for both of its kinds, with and without `await`
        self._name, self._group, self._consumer = name, group, consumer

    def create_group(self) -> bool:
        """Create the group at the beginning of the stream unless it exists. Returns True if it was created."""
        try:
            self._client.xgroup_create(self._name, self._group, id=_BEGINNING, mkstream=True)
        except ResponseError as error:
            if str(error).startswith("BUSYGROUP"):
                return False
            raise
        return True

    def set_position(self, entry_id: str, *, inclusive: bool = False) -> None:
        """
        Have the group go on after an entry.

        :param inclusive: with this entry itself
        """
        self._client.xgroup_setid(self._name, self._group, _before(entry_id) if inclusive else entry_id)

    def claim_pending(self) -> list[str]:
        """
        Take over the entries that other consumers of the group left pending.

        :returns: ids of entries that were pending and are gone, because the stream was trimmed (Redis 7 and newer;
            older versions leave them to `read_pending`)
        """
        start, trimmed = _BEGINNING, []
        while True:
            start, _, *gone = self._client.xautoclaim(
                self._name, self._group, self._consumer, min_idle_time=0, start_id=start, count=_CLAIM_COUNT
            )
            trimmed += [_text(entry_id) for ids in gone for entry_id in ids]
            if _text(start) == _BEGINNING:
                return trimmed

    def read_pending(self) -> list[Entry]:
        """Return the first entries that were delivered to this consumer and not acknowledged, oldest first."""
        return self._read(_BEGINNING, block=None)

    def read_new(self, *, block: int) -> list[Entry]:
        """
        Return entries that nobody of the group has read.

        :param block: milliseconds to wait for the first
        """
        return self._read(">", block=block)

    def acknowledge(self, entry: Entry) -> None:
        """Have the group forget an entry: it is done."""
        self._client.xack(self._name, self._group, entry.id)

    def gap(self) -> Gap | None:
        """Return the entries that were trimmed after the last one that the group read; None if there are none."""
        stream: dict[str, Any] = self._client.xinfo_stream(self._name)
        groups = self._client.xinfo_groups(self._name)
        group = next((group for group in groups if _text(group["name"]) == self._group), None)
        if group is None or not stream["first-entry"]:
            return None
        last_read, first = _text(group["last-delivered-id"]), _text(stream["first-entry"][0])
        if ordinal(first) <= ordinal(last_read):
            return None
        added, read = stream.get("entries-added"), group.get("entries-read")
        if added is not None and read is not None:  # Redis 7: it counts both
            trimmed = int(added) - int(stream["length"]) - int(read)
            return Gap(trimmed, last_read, first) if trimmed > 0 else None
        return Gap(None, last_read, first) if last_read != _BEGINNING else None

    def _read(self, after: str, *, block: int | None) -> list[Entry]:
        streams = self._client.xreadgroup(self._group, self._consumer, {self._name: after}, count=_COUNT, block=block)
        return [Entry(_text(entry_id), fields or None) for _, entries in streams for entry_id, fields in entries]


def ordinal(entry_id: str) -> tuple[int, ...]:
    """Return the milliseconds and the number of an entry's id, which order entries."""
    return tuple(int(part) for part in entry_id.split("-"))


def _before(entry_id: str) -> str:
    """Return the greatest id below this one, of a whole millisecond."""
    milliseconds = int(entry_id.split("-", maxsplit=1)[0])
    return f"{milliseconds - 1}-{2**64 - 1}" if milliseconds else _BEGINNING


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
