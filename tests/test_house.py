# SPDX-License-Identifier: AGPL-3.0-only
"""The house rules that a tool can see: names, texts and docstrings."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SHIPPED: Final = ("edx_exams", "sandbox")

#: Names that the code once had, each replaced by the field's own term. A definition with one of them is a step back.
_REPLACED: Final = """
carry_out done_already_in ends_by runs_out_at over_since begin_again UNSUSPICIOUS hand_in swept
require_sound_settings complete_person RuledAdmin found NothingSerializer Outcome Answer _take_over
_closed_from LONGEST_ID Hand put_down Fate _turn _yield _say_farewell _seconds_to_spare _listen _keep_house
_start_afresh SHARE CAUTION_SECONDS cut put_off put_aside mentioning TryLater Unusable restored _CHATTERBOX
_BEYOND_MENDING _see_through put_in_place Departure _depart NotNow wants_to_hear_of_the_end
keyset_asked_again_at keyset_asking_since _learn_from_others FRESH_FOR GOOD_FOR _wears_out _Time _passed_on
"""
REPLACED_NAMES: Final = frozenset(_REPLACED.split())
#: Modules that were renamed or split.
REPLACED_MODULES: Final = frozenset(
    {
        "edx_exams/apps/core/access.py",
        "edx_exams/apps/core/characters.py",
        "edx_exams/apps/core/keys.py",
        "edx_exams/apps/core/lookups.py",
        "edx_exams/apps/core/reviews.py",
        "edx_exams/apps/core/signals.py",
        "edx_exams/apps/api/pages.py",
        "edx_exams/apps/events/hand.py",
        "edx_exams/apps/lti/assertions.py",
        "edx_exams/apps/lti/claims.py",
        "edx_exams/apps/lti/succession.py",
        "edx_exams/apps/router/names.py",
    }
)
#: Sentences that a log line, an error or a command must not say: they name no cause.
REPLACED_TEXTS: Final = (
    "the database is away",
    "for want of time",
    "for their time was over",
    "can no longer be begun",
    "has nothing for us",
    "does not do its part",
    "where is kafka",
    "all is well",
    "signing in takes a page of its own",
    "nothing has changed where",
)
#: The line that each source file begins with, after `#!` where there is one.
LICENSE: Final = "SPDX-License-Identifier: AGPL-3.0-only"
SOURCE_SUFFIXES: Final = frozenset({".py", ".js", ".jsx", ".mjs", ".css", ".sh"})
#: Directories of what is built, installed, or shown to readers as an example.
NOT_OURS: Final = frozenset({"node_modules", "_build", "build", "dist", "var", "assets", "htmlcov", "how-tos"})
QUESTION_WORDS: Final = re.compile(r"(What|Whether|Who|Whom|How|Where|When|Which|Why)\b")
#: A file is parsed only if its text has one of these, for parsing all of them takes seconds.
MAY_DEFINE: Final = re.compile(rf"\b({'|'.join(REPLACED_NAMES)})\b")
MAY_ASK: Final = re.compile(rf"[\"']\\?\s*{QUESTION_WORDS.pattern}")


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def sources(*packages: str, having: re.Pattern[str] | None = None) -> list[Path]:
    """Python files of these packages, in order, or those that have the pattern; migrations are a record of what was."""
    files = (file for package in packages for file in (ROOT / package).rglob("*.py"))
    return sorted(
        file
        for file in files
        if "migrations" not in file.parts and (having is None or having.search(file.read_text(encoding="utf-8")))
    )


def defined_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each name that the tree defines for others, with its line: functions, classes, constants, fields, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node.lineno
        if isinstance(node, (ast.Module, ast.ClassDef)):
            for statement in node.body:
                yield from assigned_names(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def assigned_names(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    """Names that an assignment binds."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    for target in targets:
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                yield name.id, statement.lineno


def texts(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each text of the tree that is no docstring, with its line."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def docstrings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each docstring of the tree, with the line of what it describes."""
    if isinstance(tree, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        if text := ast.get_docstring(tree, clean=False):
            yield text.lstrip(), getattr(tree, "lineno", 1)
        for statement in tree.body:
            yield from docstrings(statement)


def where(file: Path, line: int) -> str:
    """A place in the code, as editors take it."""
    return f"{file.relative_to(ROOT)}:{line}"


def test_no_definition_bears_a_name_that_was_replaced() -> None:
    old = [
        f"{where(file, line)} {name}"
        for file in sources(*SHIPPED, having=MAY_DEFINE)
        for name, line in defined_names(parsed(file))
        if name in REPLACED_NAMES
    ]
    assert old == []


def test_no_module_is_back_under_its_old_name() -> None:
    assert [name for name in sorted(REPLACED_MODULES) if (ROOT / name).exists()] == []


def test_no_text_says_what_was_reworded() -> None:
    old = [
        f"{where(file, line)} {text[:60]!r}"
        for file in sources(*SHIPPED)
        for text, line in texts(parsed(file))
        if any(phrase in text.lower() for phrase in REPLACED_TEXTS)
    ]
    assert old == []


def test_docstrings_begin_with_a_verb_or_the_name_of_the_thing() -> None:
    questions = [
        f"{where(file, line)} {text[:60]!r}"
        for file in sources(*SHIPPED, "tests", "benchmarks", "docs/extensions", having=MAY_ASK)
        for text, line in docstrings(parsed(file))
        if QUESTION_WORDS.match(text)
    ]
    assert questions == []


def source_files() -> Iterator[Path]:
    """Each file of code, whatever its language. An empty one holds nothing to license."""
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in NOT_OURS and not name.startswith(".")]
        for name in files:
            file = Path(directory, name)
            if file.suffix in SOURCE_SUFFIXES and name != "private.py" and file.stat().st_size:
                yield file


def test_each_source_file_names_its_license() -> None:
    unnamed = []
    for file in source_files():
        with file.open(encoding="utf-8") as text:
            if LICENSE not in text.readline() + text.readline():
                unnamed.append(str(file.relative_to(ROOT)))
    assert sorted(unnamed) == []
