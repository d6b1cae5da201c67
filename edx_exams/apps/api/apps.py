"""The REST app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The REST API: authenticates, calls the domain, answers."""

    name = "edx_exams.apps.api"
    label = "api"
