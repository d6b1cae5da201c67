# SPDX-License-Identifier: AGPL-3.0-only
"""Addresses of the proctoring tool: LTI, the learner's way in and out, the proctors' console."""

from django.urls import path

from sandbox import registration
from sandbox.tool import views

handler404 = "sandbox.tool.views.not_found"

urlpatterns = [
    path(registration.LOGIN_PATH.removeprefix("/"), views.login, name="login"),
    path(registration.LAUNCH_PATH.removeprefix("/"), views.launch, name="launch"),
    path(registration.KEY_SET_PATH.removeprefix("/"), views.key_set, name="key-set"),
    path("check-in/<str:id>", views.check_in, name="check-in"),
    path("goodbye/<str:id>", views.goodbye, name="goodbye"),
    path("", views.console, name="console"),
    path("sittings/<str:id>", views.sitting, name="sitting"),
    path("sittings/<str:id>/control", views.control, name="control"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("health/", views.health, name="health"),
]
