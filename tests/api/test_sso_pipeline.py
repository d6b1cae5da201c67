# SPDX-License-Identifier: AGPL-3.0-only
"""People who sign in with the platform: found by the LMS's user id, with the rights of nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from auth_backends.backends import EdXOAuth2
from django.test import Client
from pytest_django import Settings
from social_django.models import UserSocialAuth

from edx_exams.apps.core.models import User
from tests import tokens
from tests.api.conftest import Unchanged
from tests.api.test_sso import begin, who
from tests.factories import COURSE_ID, CourseStaffRoleFactory, UserFactory
from tests.tokens import Person

pytestmark = pytest.mark.django_db

SignOn = Callable[..., Any]


@pytest.fixture
def sign_on(client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> SignOn:
    """Sign somebody on, with claims of the platform's token changed; returns the page that they come to."""
    settings.SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = "http://lms.internal"
    claims: dict[str, Any] = {}

    def request_access_token(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"access_token": tokens.sign(claims), "token_type": "JWT", "expires_in": 3600}

    monkeypatch.setattr(EdXOAuth2, "request_access_token", request_access_token)

    def sign_on(person: Person, **changes: Any) -> Any:
        client.logout()
        claims.clear()
        claims.update(person.claims(**changes))
        return client.get("/complete/edx-oauth2/", {"state": begin(client), "code": "c"}, follow=True)

    return sign_on


ADA = Person("ada", 77, "ada@example.com", "Ada Lovelace")


def associate(user: User, uid: str) -> None:
    UserSocialAuth.objects.create(user=user, provider="edx-oauth2", uid=uid)


def test_somebody_new_is_made_known_with_what_the_platform_says(client: Client, sign_on: SignOn) -> None:
    for _ in range(2):
        sign_on(ADA, given_name="Ada", family_name="Lovelace")
        user = User.objects.get()
        assert who(client) == "ada"
        assert (user.lms_user_id, user.email, user.full_name) == (77, "ada@example.com", "Ada Lovelace")
        assert (user.first_name, user.last_name) == ("Ada", "Lovelace")
        assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
        association = UserSocialAuth.objects.get()
        assert (association.uid, association.user, association.extra_data["user_id"]) == ("ada", user, 77)


def test_an_identity_without_given_name_or_address_works(client: Client, sign_on: SignOn) -> None:
    sign_on(ADA, email=None, name=None)
    assert who(client) == "ada"


@pytest.mark.parametrize("user_id", [None, "77", True, [77], 0, -1])
def test_whoever_comes_without_a_user_id_is_refused(
    user_id: Any, client: Client, sign_on: SignOn, learner: User, unchanged: Unchanged
) -> None:
    associate(learner, learner.username)
    with unchanged():
        page = sign_on(Person(learner.username), user_id=user_id)
        assert '<p role="alert">' in page.content.decode()
        assert who(client) is None
        client.session.delete()


def test_a_freed_names_newcomer_does_not_land_in_the_old_owners_row(client: Client, sign_on: SignOn) -> None:
    old = UserFactory.create(username="ada", lms_user_id=5, is_staff=True)
    CourseStaffRoleFactory.create(user=old)
    associate(old, "ada")
    sign_on(ADA)
    newcomer = User.objects.get(username="ada")
    assert who(client) == "ada"
    assert newcomer.pk != old.pk
    assert not newcomer.is_staff
    assert not newcomer.has_course_staff_permission(COURSE_ID)
    assert client.get("/admin/").status_code == 302
    assert [association.user for association in UserSocialAuth.objects.all()] == [newcomer]


def test_a_renamed_person_is_who_they_were(client: Client, sign_on: SignOn) -> None:
    sign_on(ADA)
    before = User.objects.get()
    sign_on(Person("countess", 77, "ada@example.com"))
    assert who(client) == "countess"
    assert User.objects.get().pk == before.pk
    assert [association.uid for association in UserSocialAuth.objects.all()] == ["countess"]


@pytest.mark.parametrize(
    "kind", [{"is_superuser": True, "is_staff": True}, {"is_staff": True}, {"password": "pbkdf2_sha256$1$a$b"}]
)
def test_an_operators_own_account_is_an_administrators_alone(
    kind: dict[str, Any], client: Client, sign_on: SignOn, unchanged: Unchanged
) -> None:
    account = UserFactory.create(username="operator1", lms_user_id=None, email="", **kind)
    with unchanged():
        page = sign_on(Person("operator1", 9000))
        assert "operators" in page.content.decode()
        assert who(client) is None
        client.session.delete()
    sign_on(Person("operator1", 9000, administrator=True))
    assert who(client) == "operator1"
    account.refresh_from_db()
    assert (account.lms_user_id, account.is_staff) == (9000, True)
    assert account.is_superuser == kind.get("is_superuser", False)


def test_a_listed_row_with_another_address_is_somebody_else(client: Client, sign_on: SignOn) -> None:
    listed = UserFactory.create(username="ada", lms_user_id=None, email="other@example.com")
    CourseStaffRoleFactory.create(user=listed)
    sign_on(ADA)
    assert who(client) == "ada"
    assert not User.objects.get(username="ada").has_course_staff_permission(COURSE_ID)
    assert listed.coursestaffrole_set.count() == 1


def test_who_is_not_active_is_told_so(client: Client, sign_on: SignOn) -> None:
    UserFactory.create(username="ada", lms_user_id=77, is_active=False)
    page = sign_on(ADA)
    assert page.status_code == 403
    assert "deactivated" in page.content.decode()
    assert who(client) is None


def test_an_administrator_who_is_none_any_more_is_no_staff(client: Client, sign_on: SignOn) -> None:
    sign_on(Person("ada", 77, administrator=True))
    assert client.get("/admin/").status_code == 200
    sign_on(ADA)
    assert client.get("/admin/").status_code == 302
    assert not User.objects.get().is_staff


def test_associations_that_differ_in_case_do_not_meet(client: Client, sign_on: SignOn) -> None:
    sign_on(ADA)
    sign_on(Person("Ada", 78))
    assert who(client) == "Ada"
    sign_on(ADA)
    assert who(client) == "ada"
    assert User.objects.count() == 2
