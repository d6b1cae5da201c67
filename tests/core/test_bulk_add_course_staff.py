# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py bulk_add_course_staff`: course teams from a CSV file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from edx_exams.apps.core.course_staff_list import StaffRow, add_course_staff
from edx_exams.apps.core.management.commands.bulk_add_course_staff import Command
from edx_exams.apps.core.models import CourseStaffRole, User
from tests.conftest import CountStatements
from tests.factories import COURSE_ID, UserFactory

HEADER = "username,email,role,course_id"
Load = Callable[..., tuple[str, str]]


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str], db: None) -> Load:
    """Read a file, given as its lines or bytes; returns what was said on stdout and stderr."""

    def run(*content: str | bytes, newline: str = "\n", header: str = HEADER, **options: Any) -> tuple[str, str]:
        path = tmp_path / "staff.csv"
        if isinstance(content[0], bytes):
            path.write_bytes(content[0])
        else:
            path.write_bytes(newline.join([header, *map(str, content)]).encode())
        call_command("bulk_add_course_staff", csv_path=str(path), batch_delay=0, **options)
        said = capsys.readouterr()
        return said.out, said.err

    return run


def row(name: str, course: str = COURSE_ID, role: str = "staff") -> str:
    return f"{name},{name}@example.com,{role},{course}"


def test_people_and_roles_are_made(load: Load) -> None:
    out, err = load(row("jane"), row("jane", role="instructor"), row("joe"))
    assert out == "3 rows: 3 added, 0 existed, 0 refused\n"
    assert not err
    jane = User.objects.get(username="jane")
    assert (jane.email, jane.lms_user_id, jane.has_usable_password()) == ("jane@example.com", None, False)
    assert set(CourseStaffRole.objects.values_list("user__username", "course_id", "role")) == {
        ("jane", COURSE_ID, "staff"),
        ("jane", COURSE_ID, "instructor"),
        ("joe", COURSE_ID, "staff"),
    }


def test_the_same_file_twice_changes_nothing(load: Load) -> None:
    load(row("jane"), row("joe"))
    before = list(CourseStaffRole.objects.values())
    out, _ = load(row("jane"), row("joe"), row("joe"))
    assert out == "3 rows: 0 added, 3 existed, 0 refused\n"
    assert list(CourseStaffRole.objects.values()) == before


def test_a_person_with_another_address_keeps_it_and_is_reported(load: Load) -> None:
    UserFactory.create(username="jane", email="j@elsewhere.example")
    UserFactory.create(username="joe", email="JOE@example.com")
    out, err = load(row("jane"), row("joe"))
    assert out.startswith("2 rows: 2 added")
    assert err == "Line 2: the person has another e-mail address here, which stays\n"
    assert User.objects.get(username="jane").email == "j@elsewhere.example"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (",x@example.com,staff," + COURSE_ID, "the username is not valid: it is empty"),
        ("n" * 151 + ",x@example.com,staff," + COURSE_ID, "the username is not valid"),
        ("x~7,x@example.com,staff," + COURSE_ID, "the username is not valid: it holds “~”"),
        ("x,no address,staff," + COURSE_ID, "the e-mail address is not valid"),
        ("x,x@example.com,," + COURSE_ID, "the role is empty"),
        ("x,x@example.com,staff,no course", "the course id is not valid"),
        ("x,x@example.com,staff,course-v1:A+B+" + "c" * 255, "the course id is not valid"),
        ("x,x@example.com,staff", "it does not have as many columns"),
        ("x,x@example.com,staff,a,b,c", "it does not have as many columns"),
    ],
)
def test_a_bad_row_is_reported_and_does_not_stop_the_others(load: Load, bad: str, reason: str) -> None:
    out, err = load(row("jane"), bad, row("joe"))
    assert out == "3 rows: 2 added, 0 existed, 1 refused (lines 3)\n"
    assert err.startswith(f"Line 3: refused: {reason}")
    assert "example.com" not in err
    assert CourseStaffRole.objects.count() == 2
    assert not User.objects.filter(username__startswith="x").exists()


def test_a_deactivated_person_is_refused(load: Load) -> None:
    UserFactory.create(username="jane", email="jane@example.com", is_active=False)
    out, err = load(row("jane"))
    assert "1 refused (lines 2)" in out
    assert err == "Line 2: refused: the person's account has been deactivated\n"


def test_names_differ_by_every_letter(load: Load) -> None:
    load(row("jane"), row("Jane"), f"jané,j@example.com,staff,{COURSE_ID}")
    assert User.objects.count() == 3


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}\r\n{row('jane')}\r\n".encode(),
        f"{HEADER}\r{row('jane')}\r".encode(),
        f"{HEADER};note\n{row('jane')};\n".replace(",", ";").encode(),
        f'"Username"\t"email"\t"role"\t"course_id"\n{row("jane")}\n'.replace(",", "\t").encode(),
        f'role,course_id,username,email\n"staff",{COURSE_ID}, jane ,jane@example.com\n\n\n'.encode(),
    ],
    ids=["byte order mark, CRLF", "CR", "semicolons", "tabs, quotes", "another order, blanks"],
)
def test_what_spreadsheets_write_is_read(load: Load, content: bytes) -> None:
    out, _ = load(content)
    assert out == "1 rows: 1 added, 0 existed, 0 refused\n"
    assert CourseStaffRole.objects.get().user.username == "jane"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode() + b"\njane,j@example.com,staff,x\nren\xe9,r", "is not UTF-8 (byte 0xE9 in line 3)"),
        ("\ufeffusername".encode("utf-16"), "is not UTF-8"),
        (b"name,email,role,course_id\n", "username is not there"),
        (b"", "username is not there"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_in_one_line(load: Load, content: bytes, message: str) -> None:
    with pytest.raises(CommandError) as refusal:
        load(content)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not User.objects.exists()


def test_a_file_that_is_not_there_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("bulk_add_course_staff", "-p", "/no/such/file.csv")


def test_a_dry_run_changes_nothing(load: Load) -> None:
    UserFactory.create(username="jane", email="jane@example.com")
    out, _ = load(row("jane"), row("joe"), dry_run=True)
    assert out == "2 rows: 2 would be added, 0 existed, 0 refused\n"
    assert User.objects.count() == 1
    assert not CourseStaffRole.objects.exists()


def test_many_refused_lines_are_each_reported(load: Load) -> None:
    out, err = load(*[f"x{n},no address,staff,{COURSE_ID}" for n in range(30)], batch_size=7)
    assert "30 refused (lines 2, 3," in out
    assert out.endswith(" 21 and 10 more)\n")
    assert len(err.splitlines()) == 30


@pytest.mark.parametrize("rows", [10, 200])
def test_a_batch_costs_the_same_for_any_number_of_rows(rows: int, db: None, at_most: CountStatements) -> None:
    staff = [StaffRow(n, f"p{n}", f"p{n}@example.com", "staff", f"{COURSE_ID}{n % 50}") for n in range(rows)]
    with at_most(9):
        results = add_course_staff(staff)
    assert len(results) == rows
    assert CourseStaffRole.objects.count() == rows


@pytest.mark.parametrize(("line", "exit_code"), [(row("jane"), None), ("jane,no address,staff,x", 1)])
def test_the_exit_code_tells_of_refused_rows(tmp_path: Path, db: None, line: str, exit_code: int | None) -> None:
    (tmp_path / "staff.csv").write_text(f"{HEADER}\n{line}\n")
    arguments = ["manage.py", "bulk_add_course_staff", "-p", str(tmp_path / "staff.csv")]
    if exit_code is None:
        Command().run_from_argv(arguments)
        return
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(arguments)
    assert ended.value.code == exit_code


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_delay": -1}])
def test_impossible_options_are_refused(options: dict[str, Any], db: None) -> None:
    with pytest.raises(CommandError, match="batch_size must"):
        call_command("bulk_add_course_staff", csv_path="x", **options)
