"""What our pages of the admin have in common."""

from typing import Any, Final, override

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from edx_exams.apps.core.exceptions import ExamBaseException

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


class RuledAdmin(admin.ModelAdmin):
    """Writes what the domain may refuse: nothing has changed then, and the page says why."""

    @override
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ExamBaseException as refusal:
            return self.refused(request, refusal)

    @override
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ExamBaseException as refusal:
            return self.refused(request, refusal)

    def refused(self, request: HttpRequest, refusal: ExamBaseException) -> HttpResponse:
        """Back to the page, which says why."""
        self.message_user(request, str(refusal), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())
