# SPDX-License-Identifier: AGPL-3.0-only
"""``python -m sandbox.serve SETTINGS PORT``: a Django project with static files on loopback, a thread per request."""

import os
import sys
from typing import Final

import django
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import get_internal_wsgi_application, run

HOST: Final = "127.0.0.1"


def serve(settings: str, port: int) -> None:
    """
    Serve the project until the process is ended.

    :param settings: dotted name of its settings module
    :param port: where it listens, on loopback only
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()
    run(HOST, port, StaticFilesHandler(get_internal_wsgi_application()), threading=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
