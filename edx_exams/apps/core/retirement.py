# SPDX-License-Identifier: AGPL-3.0-only
"""
Forgetting a person: what the platform's retirement of an account asks of this service.

Attempts stay, for the courses' statistics, as those of somebody without a name. The person's row stays with their LMS
user id, switched off: a token that comes late finds it by the id and is refused, and makes nobody new.
"""

import logging
import re
import uuid
from typing import Any, Final, NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone
from social_django.models import UserSocialAuth

from edx_exams.apps.core.exceptions import InvalidRetirement, PersonDoesNotExist
from edx_exams.apps.core.introductions import aside_name
from edx_exams.apps.core.limits import MAX_INTEGER, concrete_field, is_storable
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.owed_emails import cancel_emails_of
from edx_exams.apps.core.transactions import lock_users, write_transaction

log = logging.getLogger(__name__)

#: Sent in the retirement's transaction, with `user` and `names` (`OldNames`): apps above core forget their part. A
#: receiver that fails undoes the whole.
person_retired: Final = Signal()

#: Rows that are looked at in one go.
_CHUNK: Final = 500


class OldNames(NamedTuple):
    """The names of a person, and those that take their place."""

    username: str
    email: str
    full_name: str
    retired_username: str
    retired_email: str

    @property
    def spoken(self) -> tuple[str, ...]:
        """Each name that stands in a text for the person, the longest first."""
        return tuple(sorted({text for text in (self.username, self.email, self.full_name) if text}, key=len))[::-1]

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts by which rows that tell of the person are found. A full name alone may be anybody's."""
        return tuple(text for text in (self.username, self.email) if text)


def retire_user(username: str, *, retired_username: str, retired_email: str, lms_user_id: int | None = None) -> bool:
    """
    Replace everything that names a person, and switch their account off. Doing it twice is doing it once.

    :param username: theirs in the LMS until now
    :param lms_user_id: theirs in the LMS, where the caller knows it
    :returns: False if they were retired before
    :raises InvalidRetirement: a new name cannot be kept, or is somebody else's
    :raises PersonDoesNotExist: nobody here is the person
    """
    _require_valid(username, retired_username, retired_email, lms_user_id)
    found = list(_rows_of(username, lms_user_id).order_by("pk").values_list("pk", flat=True))
    return _retire(found, username, retired_username, retired_email, lms_user_id)


def _require_valid(username: str, retired_username: str, retired_email: str, lms_user_id: int | None) -> None:
    """Refuse what cannot be kept, without quoting it: refusals are logged."""
    for name, value, field in (
        ("username", username, "username"),
        ("retired_username", retired_username, "username"),
        ("retired_email", retired_email, "email"),
    ):
        if not value.strip() or value != value.strip() or not is_storable(value, concrete_field(User, field)):
            message = f"{name} is not valid: it is empty, too long, or begins or ends with white space."
            raise InvalidRetirement(message)
    if username == retired_username:
        message = "retired_username is the username itself."
        raise InvalidRetirement(message)
    if lms_user_id is not None and not 0 < lms_user_id <= MAX_INTEGER:
        message = "lms_user_id is not valid."
        raise InvalidRetirement(message)


def _rows_of(username: str, lms_user_id: int | None) -> QuerySet[User]:
    """Rows of the person. Old databases hold several of one LMS user id."""
    named = User.objects.filter(username=username)
    if lms_user_id is None:
        known_as = named.values_list("lms_user_id", flat=True).first()
        return User.objects.filter(Q(username=username) | Q(lms_user_id=known_as)) if known_as else named
    # Whoever has the name with another id is somebody else, who got it after the person.
    return User.objects.filter(Q(lms_user_id=lms_user_id) | Q(username=username, lms_user_id=None))


@write_transaction
def _retire(
    user_ids: list[int], username: str, retired_username: str, retired_email: str, lms_user_id: int | None
) -> bool:
    people = sorted(lock_users(user_ids).values(), key=lambda user: (user.username != username, user.pk))
    holder = User.objects.filter(username=retired_username).first()
    if holder is not None and (lms_user_id is None or holder.lms_user_id in {None, lms_user_id}):
        return False
    if holder is not None:
        message = "retired_username is the name of somebody else here."
        raise InvalidRetirement(message)
    if not people:
        raise PersonDoesNotExist
    for number, user in enumerate(people):
        names = OldNames(
            username=user.username,
            email=user.email,
            full_name=user.get_full_name(),
            retired_username=aside_name(retired_username, user.pk) if number else retired_username,
            retired_email=retired_email,
        )
        _forget(user, names, lms_user_id)
        log.info("User %d was retired.", user.pk)
    return True


def _forget(user: User, names: OldNames, lms_user_id: int | None) -> None:
    """Replace the person's names in their row and in all others, and end what they could still come back with."""
    user.username = names.retired_username
    user.email = names.retired_email
    user.full_name = user.first_name = user.last_name = ""
    user.anonymous_user_id = uuid.uuid4()
    user.password = make_password(None)
    user.is_active = user.is_staff = user.is_superuser = False
    user.lms_user_id = user.lms_user_id or lms_user_id
    user.renamed_at = timezone.now()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    UserSocialAuth.objects.filter(user_id=user.pk).delete()
    cancel_emails_of(user)
    _end_sessions(user)
    _replace_in_histories(user, names)
    _replace_in_admin_log(user, names)
    person_retired.send(sender=User, user=user, names=names)


def _end_sessions(user: User) -> None:
    """Delete the person's sessions of the admin."""
    theirs = [
        session.pk
        for session in Session.objects.iterator(chunk_size=_CHUNK)
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(pk__in=theirs).delete()


def _replace_in_histories(user: User, names: OldNames) -> None:
    """Replace names in the reasons of changes to the person's attempts, and of those that the person made."""
    attempts, exams = ExamAttempt.history.model, Exam.history.model
    reasons = ("history_change_reason",)
    _replace(attempts.objects.filter(Q(user_id=user.pk) | Q(history_user_id=user.pk)), reasons, names)
    _replace(exams.objects.filter(history_user_id=user.pk), reasons, names)


def _replace_in_admin_log(user: User, names: OldNames) -> None:
    """Replace names in what the admin's log says of the person and of what is theirs."""
    about = Q()
    for model, mine in ((User, Q(pk=user.pk)), (ExamAttempt, Q(user=user)), (StudentAllowance, Q(user=user))):
        ids = [str(pk) for pk in model._default_manager.filter(mine).values_list("pk", flat=True)]
        about |= Q(content_type=ContentType.objects.get_for_model(model), object_id__in=ids)
    _replace(LogEntry.objects.filter(about), ("object_repr", "change_message"), names)


def _replace(rows: QuerySet[Any], columns: tuple[str, ...], names: OldNames) -> None:
    """Replace the names in text columns, as whole words. Only rows that have one are written."""
    old = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names.spoken))
    changed = []
    for row in rows.only("pk", *columns).iterator(chunk_size=_CHUNK):
        before = [getattr(row, column) for column in columns]
        for column, text in zip(columns, before, strict=True):
            setattr(row, column, old.sub(names.retired_username, text) if text else text)
        if before != [getattr(row, column) for column in columns]:
            changed.append(row)
    rows.model._default_manager.bulk_update(changed, columns, batch_size=_CHUNK)
