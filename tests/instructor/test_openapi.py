# SPDX-License-Identifier: AGPL-3.0-only
"""The dashboard's part of the OpenAPI document."""

from tests.api.conformance import document
from tests.instructor.dashboard import BASE, PATHS


def test_the_document_lists_the_dashboards_paths_with_their_refusals() -> None:
    listed = {
        path.removeprefix(BASE): operations for path, operations in document()["paths"].items() if path.startswith(BASE)
    }
    assert {path: sorted(operations) for path, operations in listed.items()} == {
        PATHS["proctoring-settings"]: ["get", "patch"],
        PATHS["exams"]: ["get"],
        PATHS["allowances"]: ["get", "post"],
        PATHS["course-attempts"]: ["get"],
        PATHS["exam"]: ["get"],
        PATHS["allowance"]: ["delete", "post"],
        PATHS["exam-attempts"]: ["get"],
        PATHS["reset"]: ["post"],
    }
    for path, operations in listed.items():
        for method, operation in operations.items():
            refused = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert {"400", "401", "403", "404", "502", "503", "504", "508"} <= refused.keys(), (method, path)
            for answer in refused.values():
                assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/DashboardRefusal")
