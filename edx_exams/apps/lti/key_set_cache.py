# SPDX-License-Identifier: AGPL-3.0-only
"""
The key sets of tools, as last fetched: in the database, so that every process has them and no restart loses them.

A vendor that hangs must cost other learners nothing. So one request at a time fetches a tool's keys, in whatever
process; others go on with the keys that there are, or wait for it for a second; and no more than two threads of a
process do either. Whoever finds no place is asked to try again.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F, Q
from django.utils import timezone

from edx_exams.apps.lti.exceptions import KeysNotReady
from edx_exams.apps.lti.fetching import TOTAL_TIMEOUT, FetchFailed, fetch_key_set
from edx_exams.apps.lti.key_sets import usable_keys
from edx_exams.apps.lti.models import LtiTool

log = logging.getLogger(__name__)

#: A vendor is asked no more often than this, whatever anybody sends us.
MIN_FETCH_INTERVAL: Final = timedelta(minutes=1)
#: After this we look whether the vendor has withdrawn a key.
CACHE_TTL: Final = timedelta(hours=1)
#: For so long we go on with the keys that we have while the vendor cannot be asked.
STALE_TTL: Final = timedelta(hours=24)
#: Threads of a process that fetch keys or wait for them.
MAX_BUSY_THREADS: Final = 2
#: Seconds to wait for another request that is fetching.
MAX_WAIT: Final = 1.0
_POLL_INTERVAL: Final = 0.1
#: A fetch that began longer ago has come to an end, or its process has.
_FETCH_LIMIT: Final = timedelta(seconds=TOTAL_TIMEOUT + 4)

_busy: Final = threading.BoundedSemaphore(MAX_BUSY_THREADS)


def current_keys(tool: LtiTool) -> Sequence[Mapping[str, str]]:
    """
    Return the tool's keys, fetched anew where they are old or missing, if the vendor can be asked.

    :raises KeysNotReady: there are none yet, and another request is fetching them
    """
    age = _age_of(tool)
    if age is None or age > CACHE_TTL:
        _refresh(tool, is_usable=age is not None and age <= STALE_TTL)
        age = _age_of(tool)
    if tool.keyset is None or age is None or age > STALE_TTL:
        return ()
    return usable_keys(tool.keyset.get("keys", ()))


def refetch_for_unknown_key(tool: LtiTool) -> bool:
    """
    Ask the vendor because of a message that no known key fits: they may have rotated a moment after we last asked.

    For such messages nobody is asked more than once a minute, nor sooner after a failure: anybody can send them.

    :returns: True if there is a key set that is new to us
    :raises KeysNotReady: another request is fetching it
    """
    now = timezone.now()
    a_minute_ago = now - MIN_FETCH_INTERVAL
    is_due = Q(keyset_refetched_at=None) | Q(keyset_refetched_at__lte=a_minute_ago)
    does_answer = Q(keyset_tried_at__lte=a_minute_ago) | Q(keyset_fetched_at__gte=F("keyset_tried_at"))
    with _a_place() as has_place:
        if not has_place:
            raise KeysNotReady
        if _claim(tool, is_due & does_answer, keyset_tried_at=now, keyset_refetched_at=now):
            return _fetch(tool)
        return _wait_for_concurrent_fetch(tool)


def store(tool: LtiTool, entries: Sequence[Any], now: datetime) -> None:
    """Remember the usable keys of a set that was fetched from the tool's address."""
    tool.keyset = {"keys": usable_keys(entries)}
    tool.keyset_fetched_at = now
    LtiTool.objects.filter(pk=tool.pk, keyset_url=tool.keyset_url).update(
        keyset=tool.keyset, keyset_fetched_at=now, keyset_fetch_started_at=None
    )


def forget(tool: LtiTool) -> None:
    """Throw away what was fetched: from an address that has been changed since."""
    nothing: dict[str, None] = dict.fromkeys(
        ("keyset", "keyset_fetched_at", "keyset_tried_at", "keyset_refetched_at", "keyset_fetch_started_at")
    )
    for name, value in nothing.items():
        setattr(tool, name, value)
    LtiTool.objects.filter(pk=tool.pk).update(**nothing)


def _age_of(tool: LtiTool) -> timedelta | None:
    return None if tool.keyset_fetched_at is None else timezone.now() - tool.keyset_fetched_at


def _refresh(tool: LtiTool, *, is_usable: bool) -> None:
    """
    Ask the vendor because what we have is old or missing, if nobody has within the last minute.

    :param is_usable: there are keys to go on with: then nobody waits for them
    """
    now = timezone.now()
    is_due = Q(keyset_tried_at=None) | Q(keyset_tried_at__lte=now - MIN_FETCH_INTERVAL)
    with _a_place() as has_place:
        if has_place and _claim(tool, is_due, keyset_tried_at=now):
            _fetch(tool)
        elif is_usable:
            return
        elif not has_place:
            raise KeysNotReady
        else:
            _wait_for_concurrent_fetch(tool)


@contextmanager
def _a_place() -> Iterator[bool]:
    """Take one of the process's places for fetching or waiting, if there is one."""
    has_place = _busy.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            _busy.release()


def _claim(tool: LtiTool, may_be_asked: Q, **asked_at: datetime) -> bool:
    """Become the one request, of all in all processes, that fetches the key set."""
    asked_at["keyset_fetch_started_at"] = timezone.now()
    return bool(LtiTool.objects.filter(may_be_asked, pk=tool.pk).update(**asked_at))


def _fetch(tool: LtiTool) -> bool:
    try:
        entries = fetch_key_set(tool.keyset_url)
    except FetchFailed as failure:
        log.warning("The key set of LTI tool %d could not be fetched: %s", tool.pk, failure)
        LtiTool.objects.filter(pk=tool.pk).update(keyset_fetch_started_at=None)
        return False
    store(tool, entries, timezone.now())
    return True


def _wait_for_concurrent_fetch(tool: LtiTool) -> bool:
    """
    Wait for another request that is fetching, if there is one.

    :returns: True if it has fetched a key set that is new to us
    :raises KeysNotReady: it is still at it
    """
    known = tool.keyset_fetched_at
    deadline = time.monotonic() + MAX_WAIT
    while True:
        tool.refresh_from_db(fields=["keyset", "keyset_fetched_at", "keyset_fetch_started_at"])
        if tool.keyset_fetched_at != known:
            return True
        started_at = tool.keyset_fetch_started_at
        if started_at is None or timezone.now() - started_at > _FETCH_LIMIT:
            return False
        if time.monotonic() >= deadline:
            raise KeysNotReady
        time.sleep(_POLL_INTERVAL)
