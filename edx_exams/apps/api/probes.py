# SPDX-License-Identifier: AGPL-3.0-only
"""Probes of an orchestrator: `/live/` says that the process answers, `/ready/` that it can work."""

from typing import Final

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from edx_exams.apps.api.methods import allow_methods

#: What this process has found out for good: applied migrations stay applied.
_known: Final[set[str]] = set()


@allow_methods("GET", "HEAD")
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200. The database is not asked: one that is unavailable must not restart every process."""
    return JsonResponse({"status": "OK"})


@allow_methods("GET", "HEAD")
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 where the database answers and all migrations are applied, else 503 with the cause."""
    try:
        problem = _problem()
    except (DatabaseError, InterfaceError):
        problem = "The database is unavailable."
    if problem is None:
        return JsonResponse({"status": "OK"})
    return JsonResponse({"status": "UNAVAILABLE", "detail": problem}, status=503)


def _problem() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    if "migrated" not in _known:
        executor = MigrationExecutor(connection)
        if pending := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return f"{len(pending)} migrations are not applied."
        _known.add("migrated")
    return None
