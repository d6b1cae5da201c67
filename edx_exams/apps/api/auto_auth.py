# SPDX-License-Identifier: AGPL-3.0-only
"""`/auto_auth/`: a login for test environments."""

import secrets

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from edx_exams.apps.api.methods import allow_methods
from edx_exams.apps.core.models import User


@allow_methods("GET")
def auto_auth(request: HttpRequest) -> HttpResponse:
    """
    Log in as a new superuser and redirect to `/`.

    :raises Http404: `ENABLE_AUTO_AUTH` is not set
    """
    if not settings.ENABLE_AUTO_AUTH:
        raise Http404
    user = User.objects.create_superuser(f"{settings.AUTO_AUTH_USERNAME_PREFIX}{secrets.token_hex(10)}")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect("/")
