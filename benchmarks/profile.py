# SPDX-License-Identifier: AGPL-3.0-only
"""
A profile of the time of a request: ``python -m benchmarks.profile latest [--requests 500] [--sort tottime]``.

The service's WSGI application within this process, without a server, on SQLite in memory. Prints the CPU time of a
request, by the median of ten runs, and the functions that take most of it.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final
from wsgiref.util import setup_testing_defaults

import django

ENDPOINTS: Final = ("latest", "none", "exam", "token", "exams", "attempts", "allowances", "patch", "flow", "health")
#: Runs of which the median counts.
_RUNS: Final = 10
#: Rows of the lists, as in `benchmarks.seed`.
_EXAMS, _ATTEMPTS, _ALLOWANCES = 100, 100, 200


def requests_of(endpoint: str) -> Callable[[], Any]:
    """Make a database with a learner in an exam, and return what makes one request of the endpoint."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, StudentAllowance
    from edx_exams.wsgi import application
    from tests import tokens
    from tests.conftest import person
    from tests.factories import UserFactory, running_attempt

    call_command("migrate", verbosity=0)
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()}
    settings.ALLOWED_HOSTS = ["*"]
    attempt = running_attempt()
    exam = attempt.exam
    if endpoint in {"exams", "attempts", "allowances", "patch"}:
        people = [UserFactory.create() for _ in range(_ALLOWANCES)]
        usage = exam.content_id.partition("@sequential")[0]
        kept = {f.attname: getattr(exam, f.attname) for f in Exam._meta.concrete_fields if f.name != "id"}
        Exam.objects.bulk_create(
            Exam(**{**kept, "content_id": f"{usage}@sequential+block@e{number}"}) for number in range(_EXAMS)
        )
        ExamAttempt.objects.bulk_create(
            ExamAttempt(user=one, exam=exam, attempt_number=1, status="submitted") for one in people[:_ATTEMPTS]
        )
        AssessmentControlResult.objects.bulk_create(
            AssessmentControlResult(
                attempt=one, action_type="terminate", incident_time=exam.created, severity="0.1", reason_code="1"
            )
            for one in ExamAttempt.objects.all()
        )
        StudentAllowance.objects.bulk_create(
            StudentAllowance(user=one, exam=exam, extra_time_mins=15) for one in people
        )
    who = UserFactory.create() if endpoint in {"none", "flow"} else attempt.user
    if endpoint in {"exams", "attempts", "allowances", "patch"}:
        who = UserFactory.create(is_staff=True)
    authorization = person(who).authorization("RS512")["Authorization"]
    course = exam.course_id
    path, _, query = {
        "latest": "/api/v1/exams/attempt/latest",
        "none": "/api/v1/exams/attempt/latest",
        "exam": f"/api/v1/student/exam/attempt/course_id/{course}/content_id/{exam.content_id}",
        "token": f"/api/v1/access_tokens/exam_id/{exam.pk}",
        "exams": f"/api/v1/exams/course_id/{course}",
        "patch": f"/api/v1/exams/course_id/{course}",
        "attempts": f"/api/v1/instructor_view/course_id/{course}/attempts?exam_id={exam.pk}",
        "allowances": f"/api/v1/exams/course_id/{course}/allowances",
        "flow": "",
        "health": "/health/",
    }[endpoint].partition("?")
    body = b""
    if endpoint == "patch":
        body = Client(headers={"authorization": authorization}).get(path).content

    def call(method: str, path: str, body: bytes, query: str = "") -> bytes:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_AUTHORIZATION": authorization,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        answer = application(environ, lambda *_: lambda _: None)
        content = b"".join(answer)
        answer.close()
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered {answer.status_code}: {content[:500]!r}")
        return content

    def flow() -> None:
        """Create, start and submit an attempt, and make it undone without history."""
        made = json.loads(call("POST", "/api/v1/exams/attempt", json.dumps({"exam_id": exam.pk}).encode()))
        attempt_path = f"/api/v1/exams/attempt/{made['exam_attempt_id']}"
        call("PUT", attempt_path, b'{"action": "start"}')
        call("PUT", attempt_path, b'{"action": "submit"}')
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM exams_examattempt WHERE id = %s", [made["exam_attempt_id"]])

    if endpoint == "flow":
        return flow
    return lambda: call("PATCH" if endpoint == "patch" else "GET", path, body, query)


def milliseconds(request: Callable[[], Any], requests: int) -> float:
    """Measure the CPU time of a request."""
    taken = []
    for _ in range(_RUNS):
        began = time.process_time()
        for _ in range(max(1, requests // _RUNS)):
            request()
        taken.append((time.process_time() - began) * 1000 / max(1, requests // _RUNS))
    return statistics.median(taken)


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
    print(f"{milliseconds(request, given.requests):.2f} ms of CPU a request")
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(given.requests):
        request()
    profile.disable()
    pstats.Stats(profile).sort_stats(given.sort).print_stats(60)


if __name__ == "__main__":
    main()
