"""
A profile of the time of a request: ``python -m benchmarks.profile latest [--requests 500] [--sort tottime]``.

The service within this process, on SQLite in memory. Prints the CPU time of a request and the functions that take most
of it. ENDPOINT is one of: latest, exam, token, health.
"""

import argparse
import cProfile
import os
import pstats
import time
from collections.abc import Callable
from typing import Any, Final

import django

ENDPOINTS: Final = ("latest", "exam", "token", "health")


def requests_of(endpoint: str) -> Callable[[], Any]:
    """Make a database with a learner in an exam, and return what makes one request of the endpoint."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from tests import tokens
    from tests.conftest import person
    from tests.factories import running_attempt

    call_command("migrate", verbosity=0)
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()}
    attempt = running_attempt()
    exam = attempt.exam
    headers = {"authorization": person(attempt.user).authorization("RS512")["Authorization"]}
    client = Client(headers=headers)
    path = {
        "latest": "/api/v1/exams/attempt/latest",
        "exam": f"/api/v1/student/exam/attempt/course_id/{exam.course_id}/content_id/{exam.content_id}",
        "token": f"/api/v1/access_tokens/exam_id/{exam.pk}",
        "health": "/health/",
    }[endpoint]

    def request() -> None:
        status = client.get(path).status_code
        if status != 200:
            raise RuntimeError(f"{path} was answered {status}.")

    return request


def main() -> None:
    """Profile an endpoint."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint", choices=ENDPOINTS)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--sort", default="cumulative", choices=("cumulative", "tottime"))
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    request = requests_of(given.endpoint)
    for _ in range(50):
        request()
    began = time.process_time()
    for _ in range(given.requests):
        request()
    milliseconds = (time.process_time() - began) * 1000 / given.requests
    print(f"{milliseconds:.2f} ms of CPU a request, the test client's own share included")
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(given.requests):
        request()
    profile.disable()
    pstats.Stats(profile).sort_stats(given.sort).print_stats(40)


if __name__ == "__main__":
    main()
