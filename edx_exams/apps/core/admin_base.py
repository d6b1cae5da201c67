# SPDX-License-Identifier: AGPL-3.0-only
"""Base classes of our pages of the admin."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast, override

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from simple_history.admin import SimpleHistoryAdmin

from edx_exams.apps.core.exceptions import DatabaseBusy, ExamBaseException
from edx_exams.apps.core.models import User
from edx_exams.apps.core.transactions import is_transient

#: Characters that are looked for: more than any id has, and few enough for every database. Django makes a condition of
#: each word for each field, and SQLite takes no thousand of them, and no pattern of 50,000 bytes.
LONGEST_SEARCH: Final = 300


def user_of(request: HttpRequest) -> User:
    """Return who is logged in: the admin lets nobody in who is not one of our users."""
    return cast(User, request.user)


class BoundedSearchAdmin(admin.ModelAdmin):
    """
    Base of all pages of ours.

    Searches for the beginning of what was typed, where that is more than a database takes. History is read only.
    """

    @override
    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        view = super().history_view
        return _when_reading(request, lambda: view(request, object_id, extra_context))

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])


class ActionsOnlyAdmin(BoundedSearchAdmin):
    """Rows that are looked at, and acted upon from their list by whoever may change them. No page can be edited."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ActionsOnlyAdmin):
    """Rows that are looked at."""

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyHistoryAdmin(SimpleHistoryAdmin):
    """
    Pages of past states that are read, and write nothing.

    The library's own page of a past state saves what is posted to it, past the rules, also for who may only view.
    """

    @override
    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        view = super().history_form_view
        return _when_reading(request, lambda: view(request, object_id, version_id, extra_context))

    @override
    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


def _when_reading(request: HttpRequest, view: Callable[[], Any]) -> Any:
    return view() if request.method in {"GET", "HEAD"} else HttpResponseNotAllowed(["GET", "HEAD"])


class KeptRowsAdmin(admin.ModelAdmin):
    """Rows that are not deleted while others depend on them. The page says what to do instead."""

    def reasons_to_keep(self, row: Any) -> Iterator[str]:
        """Yield why this row must not be deleted, and what to do instead, in words."""
        raise NotImplementedError  # each subclass has its own

    @override
    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        rows = list(objs)
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(rows, request)
        reasons = [f"{row}: {reason}" for row in rows for reason in self.reasons_to_keep(row)]
        # Where there is a reason, permissions for what would go along are beside the point, and would hide it.
        return to_delete, counts, set() if reasons else perms_needed, [*reasons, *protected]


class DomainErrorAdmin(admin.ModelAdmin):
    """Writes what the domain may refuse: nothing has changed then, and the page says why."""

    @override
    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *others: Any, **named: Any) -> Any:
        view = super().changeform_view
        return self._or_refused(request, object_id, lambda: view(request, object_id, *others, **named))

    @override
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        view = super().delete_view
        return self._or_refused(request, object_id, lambda: view(request, object_id, extra_context))

    @override
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            try:
                self.delete_model(request, row)
            except ExamBaseException as refusal:
                self.message_user(request, f"{row}: {refusal}", messages.ERROR)

    def settle(self, row: Any) -> None:
        """Do what must be committed before a write of this row, whatever becomes of the write."""

    def lock(self, request: HttpRequest, row: Any) -> None:
        """Take the locks that a write of this row begins with."""

    def _or_refused(self, request: HttpRequest, object_id: str | None, view: Callable[[], Any]) -> Any:
        if request.method != "POST":
            return view()
        row = self.get_object(request, unquote(object_id)) if object_id else None
        try:
            may_write = self.has_change_permission(request, row) or self.has_delete_permission(request, row)
            if row is not None and may_write:
                self.settle(row)
            with transaction.atomic():
                # Before the page reads anything: at REPEATABLE READ it would go by what was so before it had to wait.
                if row is not None:
                    self.lock(request, row)
                return view()
        except ExamBaseException as refusal:
            return self.refused(request, refusal)
        except OperationalError as error:  # the admin's own transaction keeps ours from running again
            if not is_transient(error):
                raise
            return self.refused(request, DatabaseBusy())

    def refused(self, request: HttpRequest, refusal: ExamBaseException) -> HttpResponse:
        """Go back to the page, which says why."""
        self.message_user(request, str(refusal), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())
