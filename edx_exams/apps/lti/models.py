# SPDX-License-Identifier: AGPL-3.0-only
"""
Proctoring tools, the platform's keys for them, and the state of launches and messages.

The keys to people, exams and attempts are not enforced by the database: the earlier service, which may still write to
it during a deploy, deletes rows without knowing of these tables.
"""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from edx_exams.apps.core.models import Exam, ExamAttempt

#: What a launch may take, from the learner's click to the tool's word that the learner is ready.
LAUNCH_LIFETIME: Final = timedelta(hours=2)

_validate_url: Final = URLValidator(schemes=["https", "http"])


def new_client_id() -> str:
    """A client id that nobody guesses."""
    return str(uuid.uuid4())


def is_web_address(text: str) -> bool:
    """Tell whether this is an absolute http or https URL."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


def is_safe_to_launch(text: str) -> bool:
    """Tell whether an id_token may be sent there: https, or a host that `LTI_TOOL_URL_ALLOWED_HOSTS` excepts."""
    if not is_web_address(text):
        return False
    parts = urlsplit(text)
    excepted = {host.lower() for host in settings.LTI_TOOL_URL_ALLOWED_HOSTS}
    return parts.scheme == "https" or (parts.hostname or "").lower() in excepted


def validate_redirect_uris(value: object) -> None:
    """
    Accept a list of absolute URLs.

    :raises ValidationError: it is something else
    """
    if not isinstance(value, list) or not all(isinstance(uri, str) for uri in value):
        raise ValidationError(_("This must be a JSON list of URLs."))
    for uri in value:
        _validate_url(uri)


class LtiTool(models.Model):
    """
    A vendor's proctoring tool, as registered with this platform.

    .. no_pii:
    """

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=255, blank=True, default="", help_text=_("For people here; no tool sees it."))
    config_id = models.UUIDField(
        unique=True, default=uuid.uuid4, help_text=_("Part of the token and key set URLs that the vendor knows.")
    )
    client_id = models.CharField(max_length=255, unique=True, default=new_client_id)
    deployment_id = models.CharField(max_length=255, default="1")
    oidc_login_url = models.CharField(
        _("OIDC login URL"), max_length=1000, validators=[_validate_url], help_text=_("Where each launch begins.")
    )
    launch_url = models.CharField(_("launch URL"), max_length=1000, validators=[_validate_url])
    redirect_uris = models.JSONField(
        _("redirect URIs"),
        default=list,
        blank=True,
        validators=[validate_redirect_uris],
        help_text=_("JSON list of URLs, compared to the letter. Empty: the launch URL."),
    )
    keyset_url = models.CharField(
        _("tool's key set URL"),
        max_length=1000,
        blank=True,
        default="",
        validators=[_validate_url],
        help_text=_("Where the tool publishes its keys (https). Better than a single key: the vendor can rotate them."),
    )
    public_key = models.TextField(
        _("tool's public key"), blank=True, default="", help_text=_("RSA, PEM. Verifies beside the key set.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    extension_answers = models.BooleanField(
        _("its browser extension answers the learning interface"),
        default=False,
        db_default=False,
        help_text=_("A tool without such an extension has the exam in a frame of ours, which answers in its place."),
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    modified = models.DateTimeField(auto_now=True)
    # The key set as last fetched: in the database, so that every process has it and no restart loses it.
    keyset = models.JSONField(null=True, blank=True, editable=False)
    keyset_fetched_at = models.DateTimeField(null=True, blank=True, editable=False)
    keyset_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: When the vendor was last asked because of a message that no known key fits.
    keyset_refetched_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Since when a request waits for the vendor's answer; null where none does.
    keyset_fetch_started_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("LTI proctoring tool")

    def __str__(self) -> str:
        return self.name or f"LTI tool {self.pk}"

    @property
    def can_be_launched(self) -> bool:
        """True if login and launch URLs are usable. Imported registrations did not pass our validators."""
        return is_safe_to_launch(self.oidc_login_url) and is_safe_to_launch(self.launch_url)

    @property
    def allowed_redirect_uris(self) -> Sequence[str]:
        """Redirect URIs to which an id_token may be sent."""
        return self.redirect_uris or [self.launch_url]


class LtiPlatformKey(models.Model):
    """
    A key pair with which we sign for one tool. The newest active one signs; all that are not retired verify.

    .. no_pii:
    """

    tool = models.ForeignKey(LtiTool, on_delete=models.CASCADE, related_name="platform_keys")
    kid = models.CharField(_("key id"), max_length=255)
    #: PEM, encrypted; `keys` alone opens it.
    encrypted_private_key = models.TextField(editable=False)
    public_jwk = models.JSONField(editable=False)
    is_active = models.BooleanField(_("signs"), default=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("platform key")
        constraints: ClassVar = [models.UniqueConstraint(fields=["tool", "kid"], name="lti_platform_key_tool_kid")]
        indexes: ClassVar = [models.Index(fields=["kid"], name="lti_platform_key_kid")]

    def __str__(self) -> str:
        return self.kid


class MessageType(models.TextChoices):
    """LTI message types of launches: LTI 1.3 Core 5.3.1, Proctoring Services 1.0."""

    start_proctoring = "LtiStartProctoring", "LtiStartProctoring"
    end_assessment = "LtiEndAssessment", "LtiEndAssessment"
    resource_link = "LtiResourceLinkRequest", "LtiResourceLinkRequest"


def launch_expiry() -> datetime:
    """Expiry of a launch that begins now."""
    return timezone.now() + LAUNCH_LIFETIME


def new_secret() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


class LaunchSession(models.Model):
    """
    A browser in which a person has launched a tool: what the launch cookie stands for.

    .. pii: Key of the person who launched; goes with the row, two hours after the last launch.
    .. pii_types: id
    .. pii_retirement: local_api
    """

    #: SHA-256 of the cookie's value, which only the browser holds.
    secret_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_constraint=False)
    #: Whether the credentials of the last launch were those of global staff.
    is_staff = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=launch_expiry, db_index=True)

    class Meta:
        verbose_name = _("launch session")

    def __str__(self) -> str:
        return f"launch session {self.pk}"


class LtiLaunch(models.Model):
    """
    A launch on its way: the tool's half of it comes back by requests that must belong to this row.

    .. pii: Key of the person who was launched; goes with the row, hours later.
    .. pii_types: id
    .. pii_retirement: local_api
    """

    tool = models.ForeignKey(LtiTool, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_constraint=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, db_constraint=False)
    attempt = models.ForeignKey(ExamAttempt, on_delete=models.CASCADE, db_constraint=False, null=True, blank=True)
    message_type = models.CharField(max_length=64, choices=MessageType.choices)
    #: SHA-256 of the hint that the tool hands back; the hint itself is kept nowhere.
    hint_hash = models.CharField(max_length=64, unique=True)
    #: SHA-256 of the launch cookie's value, which only the browser holds.
    session_hash = models.CharField(max_length=64)
    #: Sent with LtiStartProctoring, demanded back with LtiStartAssessment.
    session_data = models.CharField(max_length=64, unique=True, default=new_secret)
    created = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=launch_expiry, db_index=True)
    #: When its id_token was issued: there is one.
    used_at = models.DateTimeField(null=True, blank=True)
    #: When the tool's LtiStartAssessment was accepted: there is one.
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("launch")
        verbose_name_plural = _("launches")

    def __str__(self) -> str:
        return f"{self.message_type} {self.pk}"


class ProctoredAttempt(models.Model):
    """
    The tool's accepted LtiStartAssessment. Lives as long as the attempt: exams outlast launches.

    .. no_pii:
    """

    attempt = models.OneToOneField(ExamAttempt, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    #: Null in rows from before this was kept.
    tool = models.ForeignKey(LtiTool, on_delete=models.CASCADE, null=True, blank=True)
    #: Of the launch whose answer was accepted last; goes back with LtiEndAssessment.
    session_data = models.CharField(max_length=64)
    #: Whether the tool wants to hear of the end.
    end_assessment_return = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("proctored attempt")

    def __str__(self) -> str:
        return f"proctoring of attempt {self.attempt_id}"


class UsedToken(models.Model):
    """
    The id of a message that a tool has sent us: it is not taken twice.

    .. no_pii:
    """

    class Kind(models.TextChoices):
        """Kinds of message ids."""

        nonce = "nonce", "nonce"
        jti = "jti", "jti"

    tool = models.ForeignKey(LtiTool, on_delete=models.CASCADE)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    #: SHA-256; the ids themselves may be of any length.
    value_hash = models.CharField(max_length=64)
    #: After this the message would be refused for its age.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("used message id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tool", "kind", "value_hash"], name="lti_used_token_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


def tool_of_exam(exam: Exam) -> LtiTool | None:
    """
    The tool that proctors an exam.

    :param exam: with its provider
    :returns: None if nobody does, or the provider names no tool that is enabled and has a place to launch it at
    """
    if exam.provider is None:
        return None
    named = exam.provider.lti_configuration_id
    if not (named.isascii() and named.isdigit() and len(named) < 10 and str(int(named)) == named):
        return None
    tool = enabled_tool(pk=int(named))
    return tool if tool and tool.can_be_launched else None


def is_tool_of_exam(tool: LtiTool, exam: Exam) -> bool:
    """Tell whether this tool proctors an exam now: the provider's tool may have been changed."""
    return exam.provider is not None and exam.provider.lti_configuration_id == str(tool.pk)


def enabled_tool(**which: Any) -> LtiTool | None:
    """The tool with these values, None if there is none or it is switched off."""
    return LtiTool.objects.filter(is_enabled=True, **which).first()


def tools_without_key_set() -> int:
    """Return how many enabled tools' key sets could not be fetched when it was tried last. One statement."""
    tried = LtiTool.objects.filter(is_enabled=True, keyset_tried_at__isnull=False).exclude(keyset_url="")
    return tried.exclude(keyset_fetched_at__gte=F("keyset_tried_at")).count()
