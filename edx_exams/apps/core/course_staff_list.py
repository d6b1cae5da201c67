# SPDX-License-Identifier: AGPL-3.0-only
"""Members of course teams from a list, many at once: rows are checked, people made known, roles given."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from edx_exams.apps.core.exceptions import UnreadableList
from edx_exams.apps.core.introductions import username_fault
from edx_exams.apps.core.limits import concrete_field, is_storable
from edx_exams.apps.core.models import CourseStaffRole, User
from edx_exams.apps.core.opaque_keys import course_key
from edx_exams.apps.core.people import make_known
from edx_exams.apps.core.transactions import write_transaction

COLUMNS: Final = ("username", "email", "role", "course_id")
#: What parts columns, by what spreadsheets write in different countries.
_DELIMITERS: Final = ",;\t"


class StaffRow(NamedTuple):
    """
    A row of the list.

    :param line: its last line in the file, from 1
    """

    line: int
    username: str
    email: str
    role: str
    course_id: str


class BadRow(NamedTuple):
    """A row that cannot be followed, and why. The text names no person."""

    line: int
    reason: str


class RowOutcome(StrEnum):
    """Result for one row."""

    ADDED = "added"
    EXISTED = "existed"
    REFUSED = "refused"


class RowResult(NamedTuple):
    """
    Result for one row.

    :param note: what a person should look at, empty where there is nothing
    """

    line: int
    outcome: RowOutcome
    note: str = ""


def read_staff_list(path: Path) -> Iterator[StaffRow | BadRow]:
    """
    Read a CSV file with the header `username,email,role,course_id`, row by row.

    In UTF-8, with or without a byte order mark; columns in any order, parted by commas, semicolons or tabs; lines may
    end as on any system. Empty lines are passed over.

    :raises UnreadableList: the file cannot be read, is not UTF-8, or has another header
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(file, path.name)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise UnreadableList(message) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: _offset(path, error)].count(b"\n") + 1
        message = (
            f"{path.name} is not UTF-8 (byte 0x{error.object[error.start]:02X} in line {line}). "
            f"Save it as “CSV UTF-8”, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new.csv"
        )
        raise UnreadableList(message) from None


def _offset(path: Path, error: UnicodeDecodeError) -> int:
    """Position in the file of what could not be decoded: the error counts from the piece that was read last."""
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as whole:
        return whole.start
    return error.start


def _rows(file: IO[str], name: str) -> Iterator[StaffRow | BadRow]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    columns = [column.strip().strip('"').lower() for column in header.rstrip("\r\n").split(delimiter)]
    if missing := [column for column in COLUMNS if columns.count(column) != 1]:
        message = (
            f"{name} must begin with a line that names the columns {', '.join(COLUMNS)}: {missing[0]} is not there."
        )
        raise UnreadableList(message)
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for values in reader:
            if any(value.strip() for value in values):
                yield _row(reader.line_num + 1, dict(zip(columns, values, strict=False)), len(values) == len(columns))
    except csv.Error as error:
        message = f"{name} is not CSV from line {reader.line_num + 1} on: {error}."
        raise UnreadableList(message) from None


def _row(line: int, values: Mapping[str, str], is_complete: bool) -> StaffRow | BadRow:
    if not is_complete:
        return BadRow(line, "it does not have as many columns as the header")
    row = StaffRow(line, *(values[column].strip() for column in COLUMNS))
    if fault := _fault(row):
        return BadRow(line, fault)
    return row


def _fault(row: StaffRow) -> str | None:
    """Return what is wrong with a row; None if nothing is."""
    if fault := username_fault(row.username):
        return f"the username is not valid: {fault}"
    faults = (
        (not _is_email(row.email), "the e-mail address is not valid"),
        (not row.role or not _fits(row.role, "role"), "the role is empty or too long"),
        (course_key(row.course_id) is None or not _fits(row.course_id, "course_id"), "the course id is not valid"),
    )
    return next((reason for is_wrong, reason in faults if is_wrong), None)


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return is_storable(text, User._meta.get_field("email"))


def _fits(text: str, field: str) -> bool:
    return is_storable(text, concrete_field(CourseStaffRole, field))


@write_transaction
def add_course_staff(rows: Sequence[StaffRow], *, pretend: bool = False) -> list[RowResult]:
    """
    Give people roles in courses, and make known who is not: a constant number of statements for any number of rows.

    A person whom the list gives another e-mail address than we have keeps theirs, and the result says so.

    :param pretend: only tell what would be done
    """
    people = make_known({row.username: row.email for row in reversed(rows)}, pretend=pretend)
    existing = _existing_roles(people.values(), {row.course_id for row in rows})
    results, new = [], {}
    for row in rows:
        user = people[row.username]
        key = (row.username, row.course_id, row.role)
        if not user.is_active:
            results.append(RowResult(row.line, RowOutcome.REFUSED, "the person's account has been deactivated"))
            continue
        note = "" if user.email.casefold() == row.email.casefold() else "has another e-mail address here, which stays"
        is_there = key in new or (user.pk, row.course_id, row.role) in existing
        results.append(RowResult(row.line, RowOutcome.EXISTED if is_there else RowOutcome.ADDED, note))
        if not is_there:
            new[key] = CourseStaffRole(user=user, course_id=row.course_id, role=row.role)
    if new and not pretend:
        CourseStaffRole.objects.bulk_create(new.values(), ignore_conflicts=True)
    return results


def _existing_roles(people: Collection[User], courses: Iterable[str]) -> set[tuple[int, str, str | None]]:
    roles = CourseStaffRole.objects.filter(user__in=[user.pk for user in people if user.pk], course_id__in=courses)
    return set(roles.values_list("user_id", "course_id", "role"))
