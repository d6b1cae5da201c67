# SPDX-License-Identifier: AGPL-3.0-only
"""The LTI platform in the admin: tools, what their vendors must be told, and whether they can be reached."""

from typing import Any, Final, override

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from edx_exams.apps.core.admin_base import BoundedSearchAdmin, ReadOnlyAdmin
from edx_exams.apps.lti import addresses, key_set_cache, platform_keys, tool_keys
from edx_exams.apps.lti.key_sets import pem_key
from edx_exams.apps.lti.models import (
    LaunchSession,
    LtiLaunch,
    LtiPlatformKey,
    LtiTool,
    ProctoredAttempt,
    UsedToken,
    is_safe_to_launch,
    validate_redirect_uris,
)

_NOT_HTTPS: Final = _("The address must begin with https:// (or its host stand in LTI_TOOL_URL_ALLOWED_HOSTS).")


class LtiToolForm(ModelForm):
    """Refuses keys and addresses that could not work."""

    def clean_public_key(self) -> str:
        """The PEM key, if it is one."""
        text = str(self.cleaned_data["public_key"]).strip()
        if text and pem_key(text) is None:
            raise ValidationError(_("This is not a valid RSA public key of at least 2048 bits in PEM format."))
        return text

    def clean_oidc_login_url(self) -> str:
        """Accept the login URL if people may be sent there."""
        return self._safe_to_launch("oidc_login_url")

    def clean_launch_url(self) -> str:
        """Accept the launch URL if people may be sent there."""
        return self._safe_to_launch("launch_url")

    def clean_redirect_uris(self) -> list[str]:
        """Accept redirect URIs if people may be sent there."""
        uris: list[str] = self.cleaned_data["redirect_uris"] or []
        validate_redirect_uris(uris)
        if not all(map(is_safe_to_launch, uris)):
            raise ValidationError(_NOT_HTTPS)
        return uris

    def _safe_to_launch(self, field: str) -> str:
        url = str(self.cleaned_data[field])
        if not is_safe_to_launch(url):
            raise ValidationError(_NOT_HTTPS)
        return url


@admin.register(LtiTool)
class LtiToolAdmin(BoundedSearchAdmin):
    """Vendors' tools."""

    form = LtiToolForm
    list_display = ("pk", "name", "client_id", "launch_url", "is_enabled")
    list_display_links = ("pk", "name", "client_id")
    list_filter = ("is_enabled",)
    search_fields = ("name", "client_id", "launch_url", "oidc_login_url")
    ordering = ("pk",)
    actions = ("check_tool", "rotate_key")
    readonly_fields = ("data_sheet", "config_id", "platform_key_list")
    fieldsets = (
        (_("To be told to the vendor"), {"fields": ("data_sheet", "platform_key_list")}),
        (
            _("As told by the vendor"),
            {"fields": ("oidc_login_url", "launch_url", "redirect_uris", "keyset_url", "public_key")},
        ),
        (_("Here"), {"fields": ("name", "is_enabled", "extension_answers", "client_id", "deployment_id", "config_id")}),
    )

    @admin.display(description=_("data sheet"))
    def data_sheet(self, tool: LtiTool) -> str | SafeString:
        """Values that the vendor enters on their side, ready to copy."""
        if tool._state.adding:
            return str(_("Save the tool first; then it stands here."))
        rows = (
            (_("Issuer"), addresses.issuer()),
            (_("Client id"), tool.client_id),
            (_("Deployment id"), tool.deployment_id),
            (_("OIDC authorization URL"), addresses.address("launch")),
            (_("Access token URL"), addresses.token_url(tool)),
            (_("Key set URL"), addresses.address("key-set", config_id=tool.config_id)),
        )
        return format_html(
            "<table>{}</table>", format_html_join("", "<tr><th>{}</th><td><code>{}</code></td></tr>", rows)
        )

    @admin.display(description=_("our keys for it"))
    def platform_key_list(self, tool: LtiTool) -> str | SafeString:
        """The key ids in the key set; the last active one signs."""
        if tool._state.adding:
            return "-"
        current = tool.platform_keys.filter(retired_at=None).order_by("pk")
        return format_html_join(
            "", "<code>{}</code> {}<br>", ((key.kid, _("signs") if key.is_active else "") for key in current)
        )

    @override
    def save_model(self, request: HttpRequest, obj: LtiTool, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            platform_keys.store_key(obj)
        if "keyset_url" in form.changed_data:
            key_set_cache.forget(obj)

    @admin.action(description=_("Check whether the tool's messages can be verified"), permissions=["change"])
    def check_tool(self, request: HttpRequest, queryset: QuerySet[LtiTool]) -> None:
        """Ask each vendor for its keys now, and say what is wrong."""
        for tool in queryset:
            found = tool_keys.problems(tool)
            self.log_change(request, tool, f"Checked its keys: {len(found)} problems found.")
            for problem in found:
                self.message_user(request, f"{tool}: {problem}", messages.ERROR)
            if not found:
                self.message_user(request, _("%(tool)s: no problems found.") % {"tool": tool}, messages.SUCCESS)

    @admin.action(description=_("Make a new key of ours, and sign with it"), permissions=["change"])
    def rotate_key(self, request: HttpRequest, queryset: QuerySet[LtiTool]) -> None:
        """Rotate the platform's keys; the former ones stay in the key sets until they are retired."""
        for tool in queryset:
            key = platform_keys.rotate_key(tool)
            self.log_change(request, tool, f"Made the platform key {key.kid}, which signs from now on.")
            self.message_user(request, _("%(tool)s: now signs with %(kid)s.") % {"tool": tool, "kid": key.kid})


@admin.register(LtiPlatformKey)
class LtiPlatformKeyAdmin(ReadOnlyAdmin):
    """Our keys. The private halves are shown nowhere."""

    list_display = ("kid", "tool", "is_active", "created", "retired_at")
    list_filter = ("is_active",)
    list_select_related = ("tool",)
    search_fields = ("kid", "tool__name", "tool__client_id")
    ordering = ("-pk",)
    fields = ("tool", "kid", "is_active", "created", "retired_at")
    readonly_fields = fields
    actions = ("retire",)

    def has_retire_permission(self, request: HttpRequest) -> bool:
        """Allow retiring keys to users who may change tools."""
        return request.user.has_perm("lti.change_ltitool")

    @admin.action(description=_("Retire: take out of the key set"), permissions=["retire"])
    def retire(self, request: HttpRequest, queryset: QuerySet[LtiPlatformKey]) -> None:
        """Retire keys; the one that signs is left."""
        for key in queryset.select_related("tool"):
            if platform_keys.retire_key(key):
                self.log_change(request, key, f"Retired this key of {key.tool}.")
            else:
                self.message_user(request, _("%(kid)s signs: replace it first.") % {"kid": key.kid}, messages.ERROR)


@admin.register(LtiLaunch)
class LtiLaunchAdmin(ReadOnlyAdmin):
    """Launches of the last hours, for whoever looks into one that failed."""

    list_display = ("pk", "message_type", "tool", "user", "attempt_id", "created", "used_at", "answered_at")
    list_filter = ("message_type", "tool")
    list_select_related = ("tool", "user")
    search_fields = ("user__username", "exam__course_id")
    ordering = ("-pk",)
    fields = ("tool", "user", "exam", "attempt", "message_type", "created", "expires_at", "used_at", "answered_at")


@admin.register(LaunchSession)
class LaunchSessionAdmin(ReadOnlyAdmin):
    """Browsers in which tools were launched within the last hours."""

    list_display = ("pk", "user", "created", "expires_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    ordering = ("-pk",)
    fields = ("user", "is_staff", "created", "expires_at")


@admin.register(ProctoredAttempt)
class ProctoredAttemptAdmin(ReadOnlyAdmin):
    """Attempts that a tool let begin, and the end-of-assessment launches that were requested."""

    list_display = ("attempt_id", "end_assessment_return")
    list_filter = ("end_assessment_return",)
    search_fields = ("attempt__user__username",)
    ordering = ("-pk",)
    fields = ("attempt", "tool", "end_assessment_return")


@admin.register(UsedToken)
class UsedTokenAdmin(ReadOnlyAdmin):
    """Ids of messages that are not taken again, as digests."""

    list_display = ("pk", "tool", "kind", "expires_at")
    list_filter = ("kind", "tool")
    list_select_related = ("tool",)
    search_fields = ("value_hash", "tool__name", "tool__client_id")
    ordering = ("-pk",)
    fields = ("tool", "kind", "value_hash", "expires_at")
