# SPDX-License-Identifier: AGPL-3.0-only
"""
Writes the REST reference from the service's own OpenAPI document, each time the documentation is built.

``reference/_generated/rest.inc`` is included by ``reference/rest.rst``. What drf-spectacular could not make out of a
view is a warning here, and so an error of ``make docs``: a gap in the document is one in each client made of it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

METHODS: Final = ("get", "post", "put", "patch", "delete")
PREFIX: Final = "/api/v1/"
#: The instructor dashboard's API, a section of its own.
DASHBOARD_PREFIX: Final = "/api/instructor/v2/"
WHERE: Final = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}


def openapi_document() -> Json:
    """Return the OpenAPI document as the service serves it; doubts about it are told on stderr, and warned of here."""
    from drf_spectacular.drainage import GENERATOR_STATS  # noqa: PLC0415 - needs Django's apps, which conf.py loads
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415

    document: Json = SchemaGenerator().get_schema(request=None, public=True)
    if GENERATOR_STATS:
        logger.warning("the OpenAPI document is incomplete: drf-spectacular said above what it could not make out")
    return document


def component_name(reference: str) -> str:
    """Return the name at the end of ``#/components/schemas/Name``."""
    return reference.rsplit("/", 1)[-1]


def type_of(schema: Json) -> str:
    """Return a schema's type in words, with links to the objects that it names."""
    if "$ref" in schema:
        name = component_name(schema["$ref"])
        return f":ref:`{name} <rest-{name.lower()}>`"
    for several, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        if several in schema:
            return word.join(dict.fromkeys(type_of(one) for one in schema[several] if one)) + nullable(schema)
    if "enum" in schema and "type" not in schema:
        return values(schema["enum"]) + nullable(schema)
    kinds = schema.get("type", "any")
    words = [one_type(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return " or ".join(words) + nullable(schema)


def one_type(kind: str, schema: Json) -> str:
    """Return one of the types that a schema allows, in words."""
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        return f"object of {type_of(schema['additionalProperties'])}"
    if kind != "null" and "enum" in schema:
        return values(schema["enum"])
    return f"{kind} ({schema['format']})" if kind == "string" and "format" in schema else kind


def values(allowed: Iterable[object]) -> str:
    """Return an enumeration's values, as JSON."""
    return ", ".join(f"``{json.dumps(value)}``" for value in allowed if value is not None)


def nullable(schema: Json) -> str:
    """Return what OpenAPI 3.0 says beside the type."""
    return " or null" if schema.get("nullable") else ""


def limits(schema: Json) -> str:
    """Return what else a value has to keep, and its default."""
    found = [
        f"{words} {schema[key]}"
        for key, words in (
            ("minimum", "at least"),
            ("maximum", "at most"),
            ("minLength", "length at least"),
            ("maxLength", "length at most"),
            ("maxItems", "items at most"),
        )
        if key in schema
    ]
    if "default" in schema:
        found.append(f"default ``{json.dumps(schema['default'])}``")
    if schema.get("readOnly"):
        found.append("read only")
    if schema.get("writeOnly"):
        found.append("write only")
    return ", ".join(found)


def heading(text: str, underline: str) -> list[str]:
    """Return a section's title."""
    return [text, underline * len(text), ""]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], widths: str) -> list[str]:
    """Return a table whose cells may be of several paragraphs."""
    lines = [".. list-table::", "   :header-rows: 1", "   :width: 100%", f"   :widths: {widths}", ""]
    for row in (header, *rows):
        for number, cell in enumerate(row):
            bullet = "   * - " if number == 0 else "     - "
            first, *rest = cell.strip().splitlines() or [""]
            lines.append((bullet + first).rstrip())
            lines += [indent(line, " " * 7).rstrip() for line in rest]
    return [*lines, ""]


def examples_of(media_type: Json) -> Iterator[tuple[str, object]]:
    """Yield an exchange's examples: what they show, and the JSON."""
    for name, example in media_type.get("examples", {}).items():
        yield example.get("summary") or name, example.get("value")
    if "example" in media_type:
        yield "Example", media_type["example"]


def code(title: str, value: object) -> list[str]:
    """Return an example as a block of JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return [f"*{title}*", "", ".. code-block:: json", "", indent(text, "   "), ""]


def body(content: Json, whose: str) -> tuple[str, list[str]]:
    """Return a body's type in words, and its examples, titled with whose body it is."""
    kinds: dict[str, list[str]] = defaultdict(list)
    examples: list[str] = []
    for mime, media_type in content.items():
        kinds[type_of(media_type.get("schema", {}))].append(mime)
        if mime == "application/json":
            for title, value in examples_of(media_type):
                examples += code(whose if title == "Example" else f"{whose}: {title}", value)
    words = [
        kind + ("" if "application/json" in mimes else f" ({', '.join(f'``{mime}``' for mime in mimes)})")
        for kind, mimes in kinds.items()
    ]
    return "; ".join(words), examples


def operation(method: str, path: str, described: Json) -> list[str]:
    """Return the section of one method of one path."""
    lines = heading(f"``{method.upper()} {path}``", "~")
    if described.get("deprecated"):
        lines += ["*Deprecated.*", ""]
    if described.get("summary"):
        lines += [f"**{described['summary']}**", ""]
    if described.get("description"):
        lines += [described["description"], ""]
    if described.get("parameters"):
        rows = [
            (
                f"``{one['name']}``" + (" *" if one.get("required") else ""),
                WHERE[one["in"]],
                type_of(one["schema"]),
                "\n\n".join(filter(None, (one.get("description", ""), limits(one["schema"])))),
            )
            for one in described["parameters"]
        ]
        lines += table(("Parameter", "In", "Type", "Meaning"), rows, "22 10 24 44")
    if "requestBody" in described:
        kind, examples = body(described["requestBody"].get("content", {}), "Body")
        lines += [f"Body: {kind}", "", *examples]
    answers: list[tuple[str, str, str]] = []
    shown: list[str] = []
    for status, response in sorted(described.get("responses", {}).items()):
        kind, examples = body(response.get("content", {}), f"Answer {status}")
        phrase = HTTPStatus(int(status)).phrase if status.isdigit() else ""
        answers.append((f"{status} {phrase}", kind or "none", response.get("description", "")))
        shown += examples if status.startswith("2") else []  # refusals look all alike
    return [*lines, *table(("Status", "Body", "When"), answers, "22 30 48"), *shown]


def component(name: str, schema: Json) -> list[str]:
    """Return the section of one object."""
    lines = [f".. _rest-{name.lower()}:", "", *heading(name, "~")]
    if schema.get("description"):
        lines += [schema["description"], ""]
    if "properties" not in schema:
        return [*lines, type_of(schema), ""]
    rows = [
        (
            f"``{field}``" + (" *" if field in schema.get("required", ()) else ""),
            type_of(one),
            "\n\n".join(filter(None, (one.get("description", ""), limits(one)))),
        )
        for field, one in schema["properties"].items()
    ]
    return [*lines, *table(("Field", "Type", "Meaning"), rows, "28 32 40")]


def resource(path: str) -> str:
    """Return under which title a path is listed: its first segment that is not of the prefix."""
    if path.startswith(DASHBOARD_PREFIX):
        return DASHBOARD_PREFIX
    segments = [segment for segment in path.removeprefix(PREFIX).split("/") if segment]
    return segments[0] if segments else path


def render(document: Json) -> str:
    """Return the whole reference as reStructuredText; ``*`` after a name means: required."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path, methods in sorted(document["paths"].items()):
        for method in METHODS:
            if method in methods:
                groups[resource(path)] += operation(method, path, methods[method])
    lines: list[str] = []
    for title, sections in groups.items():
        lines += heading(f"``{title}``", "-") + sections
    lines += heading("Objects", "-")
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        lines += component(name, schema)
    return "\n".join(lines)


def write(app: Sphinx) -> None:
    """Write the reference; a file that would not change keeps its date, and its page is not built again."""
    target = Path(app.srcdir) / "reference" / "_generated" / "rest.inc"
    target.parent.mkdir(exist_ok=True)
    text = render(openapi_document())
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
