"""The front page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from edx_exams.apps.api.methods import allow_methods


@allow_methods("GET", "HEAD")
def home(request: HttpRequest) -> HttpResponse:
    """Say which service this is, and where to go from here."""
    return render(request, "home.html")
