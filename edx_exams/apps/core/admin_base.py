"""What our pages of the admin have in common."""

from collections.abc import Callable
from typing import Any, Final, override

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from edx_exams.apps.core.exceptions import DatabaseBusy, ExamBaseException
from edx_exams.apps.core.transactions import is_transient

#: Characters that are looked for: more than any id has, and few enough for every database. Django makes a condition of
#: each word for each field, and SQLite takes no thousand of them, and no pattern of 50,000 bytes.
LONGEST_SEARCH: Final = 300


class BoundedSearchAdmin(admin.ModelAdmin):
    """Searches for the beginning of what was typed, where that is more than a database takes."""

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


class RuledAdmin(admin.ModelAdmin):
    """Writes what the domain may refuse: nothing has changed then, and the page says why."""

    @override
    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *others: Any, **named: Any) -> Any:
        view = super().changeform_view
        return self._or_refused(request, object_id, lambda: view(request, object_id, *others, **named))

    @override
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        view = super().delete_view
        return self._or_refused(request, object_id, lambda: view(request, object_id, extra_context))

    def settle(self, row: Any) -> None:
        """Do what must be committed before a write of this row, whatever becomes of the write."""

    def lock(self, request: HttpRequest, row: Any) -> None:
        """Take the locks that a write of this row begins with."""

    def _or_refused(self, request: HttpRequest, object_id: str | None, view: Callable[[], Any]) -> Any:
        row = self.get_object(request, unquote(object_id)) if request.method == "POST" and object_id else None
        if row is None:
            return view()
        try:
            self.settle(row)
            with transaction.atomic():
                # Before the page reads anything: at REPEATABLE READ it would go by what was so before it had to wait.
                self.lock(request, row)
                return view()
        except ExamBaseException as refusal:
            return self.refused(request, refusal)
        except OperationalError as error:  # the admin's own transaction keeps ours from running again
            if not is_transient(error):
                raise
            return self.refused(request, DatabaseBusy())

    def refused(self, request: HttpRequest, refusal: ExamBaseException) -> HttpResponse:
        """Back to the page, which says why."""
        self.message_user(request, str(refusal), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())
