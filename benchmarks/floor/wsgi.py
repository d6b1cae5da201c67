# SPDX-License-Identifier: AGPL-3.0-only
"""The floor's WSGI application."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
