# SPDX-License-Identifier: AGPL-3.0-only
"""Fills a MariaDB with a platform's years: courses, exams, people, attempts with their history, reviews, allowances."""

from collections.abc import Callable
from typing import Final, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

#: Statements of a history row each: created, started, submitted. The last two are what most attempts leave.
HISTORY_ROWS: Final = 2

#: The course that benchmarks look at: its list of exams, its allowances, its largest exam.
COURSE: Final = "course-v1:Bench+C0+2026"


class Size(NamedTuple):
    """
    The size of a seeded platform.

    :param exams: of all courses together, the same number in each
    :param attempts: of all exams together
    :param people: learners; their attempts are spread over the exams
    :param large_exam: of the attempts, how many the first exam of the first course has
    """

    courses: int = 200
    exams: int = 2_000
    attempts: int = 200_000
    people: int = 20_000
    large_exam: int = 2_000
    listed_exams: int = 100
    #: Of the listed course; each learner has one more elsewhere.
    allowances: int = 200


def fill(connection: BaseDatabaseWrapper, size: Size, say: Callable[[str], None] = lambda _: None) -> None:
    """
    Insert everything, in a few statements that MariaDB's sequence engine feeds.

    :param connection: to a migrated database without rows
    :param say: is told what was done
    """
    now = "UTC_TIMESTAMP(6)"
    per_course = size.exams // size.courses
    with connection.cursor() as cursor:
        run = cursor.execute
        run("SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0")
        run(
            "INSERT INTO core_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined, full_name, lms_user_id, anonymous_user_id)"
            f" SELECT '!', 0, CONCAT('person', seq), '', '', CONCAT('person', seq, '@example.com'), 0, 1, {now},"
            f" CONCAT('Person ', seq), 100000 + seq, UUID() FROM seq_1_to_{size.people}"
        )
        run(
            "INSERT INTO exams_proctoringprovider (created, modified, name, verbose_name, lti_configuration_id)"
            f" VALUES ({now}, {now}, 'bench', 'Bench', '1')"
        )
        run(
            "INSERT INTO exams_courseexamconfiguration (created, modified, course_id, provider_id, allow_opt_out)"
            f" SELECT {now}, {now}, CONCAT('course-v1:Bench+C', seq, '+2026'), 1, 0 FROM seq_0_to_{size.courses - 1}"
        )
        # The first exams are the listed course's; the others are spread over all courses.
        run(
            "INSERT INTO exams_exam (created, modified, resource_id, course_id, content_id, exam_name, exam_type,"
            " time_limit_mins, due_date, hide_after_due, is_active, provider_id)"
            f" SELECT {now}, {now}, UUID(), CONCAT('course-v1:Bench+C', c, '+2026'),"
            " CONCAT('block-v1:Bench+C', c, '+2026+type@sequential+block@e', seq), CONCAT('Exam ', seq), 'timed', 60,"
            " NULL, 0, 1, NULL FROM"
            f" (SELECT seq, IF(seq < {size.listed_exams}, 0, 1 + (seq DIV {per_course}) MOD {size.courses - 1}) AS c"
            f" FROM seq_0_to_{size.exams - 1}) AS numbered"
        )
        run("SELECT MIN(id) FROM exams_exam")
        first_exam = cursor.fetchone()[0]
        run("SELECT MIN(id) FROM core_user")
        first_user = cursor.fetchone()[0]
        # Each pair of person and exam at most once: a round of the people takes one exam after the other.
        exam = (
            f"IF(seq < {size.large_exam}, 0, 1 + (seq DIV {size.people} * 131 + seq MOD {size.people}) MOD"
            f" {size.exams - 1})"
        )
        person = f"seq MOD {size.people}"
        run(
            "INSERT INTO exams_examattempt (created, modified, attempt_number, status, start_time, end_time,"
            " allowed_time_limit_mins, exam_id, user_id)"
            f" SELECT {now} - INTERVAL seq SECOND, {now}, 1, ELT(1 + seq MOD 3, 'submitted', 'verified', 'rejected'),"
            f" {now} - INTERVAL seq SECOND, {now} - INTERVAL seq SECOND, 60, {first_exam} + {exam},"
            f" {first_user} + {person} FROM seq_0_to_{size.attempts - 1}"
        )
        say(f"{size.attempts:,} attempts")
        for status, kind in (("created", "+"), ("submitted", "~")):
            run(
                "INSERT INTO exams_examattempthistory (id, created, modified, attempt_number, status, start_time,"
                " end_time, allowed_time_limit_mins, history_date, history_type, exam_id, user_id)"
                " SELECT id, created, modified, attempt_number, %s, start_time, end_time, allowed_time_limit_mins,"
                " created, %s, exam_id, user_id FROM exams_examattempt",
                [status, kind],
            )
        say(f"{size.attempts * HISTORY_ROWS:,} history rows")
        run(
            "INSERT INTO exams_assessmentcontrolresult (created, modified, action_type, incident_time, severity,"
            f" reason_code, attempt_id) SELECT {now}, {now}, 'terminate', {now}, 0.10, '1', id"
            " FROM exams_examattempt WHERE exam_id = %s",
            [first_exam],
        )
        run(
            "INSERT INTO exams_studentallowance (created, modified, extra_time_mins, exam_id, user_id)"
            f" SELECT {now}, {now}, 15, {first_exam}, {first_user} + seq FROM seq_0_to_{size.allowances - 1}"
        )
        run(
            "INSERT INTO exams_studentallowance (created, modified, extra_time_mins, exam_id, user_id)"
            f" SELECT {now}, {now}, 15, {first_exam} + {size.listed_exams} + seq MOD {size.exams - size.listed_exams},"
            f" {first_user} + seq FROM seq_0_to_{size.people - 1}"
        )
        run("SET SESSION foreign_key_checks = 1, SESSION unique_checks = 1")
        run(
            "ANALYZE TABLE core_user, exams_exam, exams_examattempt, exams_examattempthistory, exams_studentallowance,"
            " exams_assessmentcontrolresult"
        )
