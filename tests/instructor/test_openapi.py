"""The dashboard's part of the OpenAPI document."""

from typing import Final

from tests.api.conformance import document

BASE: Final = "/api/instructor/v2/courses/{course_id}"


def test_the_document_lists_the_dashboards_paths() -> None:
    listed = {
        path.removeprefix(BASE): sorted(operations)
        for path, operations in document()["paths"].items()
        if path.startswith(BASE)
    }
    assert listed == {
        "/proctoring_settings": ["get", "patch"],
        "/special_exams": ["get"],
        "/special_exams/allowances": ["get", "post"],
        "/special_exams/attempts": ["get"],
        "/special_exams/{exam_id}": ["get"],
        "/special_exams/{exam_id}/allowance": ["delete", "post"],
        "/special_exams/{exam_id}/attempts": ["get"],
        "/special_exams/{exam_id}/reset/{username}": ["post"],
    }
