"""What the wiring itself keeps of staff: how each person likes the admin, who is locked out, and names of permissions."""

from __future__ import annotations

import structlog
from axes.models import AccessAttempt
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from billing.telephones import KeyLost, decrypt, renewed

log = structlog.get_logger(__name__)


class Preference(models.Model):
    """How one person of the staff likes the admin; without a row, as the browser says."""

    BROWSER, AUTO = "", ""
    LANGUAGES = [(BROWSER, _("as the browser says")), ("zh-hans", "简体中文"), ("en", "English")]
    THEMES = [(AUTO, _("as the device says")), ("light", _("light")), ("dark", _("dark"))]

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preference", verbose_name=_("user")
    )
    language = models.CharField(_("language"), max_length=10, choices=LANGUAGES, default=BROWSER, blank=True)
    theme = models.CharField(_("theme"), max_length=10, choices=THEMES, default=AUTO, blank=True)

    class Meta:
        verbose_name = _("own setting")
        verbose_name_plural = _("own settings")

    def __str__(self) -> str:
        return str(self.user)


class Telephone(TOTPDevice):  # type: ignore[misc]
    """A person's telephone that makes codes; its key lies in the row encrypted (billing.telephones)."""

    key: str

    class Meta:
        proxy = True
        default_permissions = ()

    @property
    def bin_key(self) -> bytes:
        """Return the key in clear; raise KeyLost."""
        return decrypt(self.key, self.user_id)

    def verify_token(self, token: str) -> bool:
        """Tell whether a code counts, once; none does where the key cannot be opened. A replaced secret is left behind."""
        try:
            self.key = renewed(self.key, self.user_id)
        except KeyLost:
            log.error(  # noqa: TRY400 - where it failed says nothing
                "telephone's key cannot be opened", user_id=self.user_id
            )
            return False
        return bool(super().verify_token(token))


class Lockout(AccessAttempt):  # type: ignore[misc]
    """Wrong passwords for a user name from an address; from the limit on, the two together are locked out for a while."""

    class Meta:
        proxy = True
        verbose_name = _("lockout")
        verbose_name_plural = _("lockouts")
        default_permissions = ("view", "change")


class Unlocking(models.Model):
    """A person was let in again before the lock ended; the row is what the audit trail tells of it."""

    username = models.CharField(_("user name"), max_length=255)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    failures = models.PositiveIntegerField(_("wrong passwords"))
    by = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("unlocking")
        verbose_name_plural = _("unlockings")
        default_permissions = ()

    def __str__(self) -> str:
        return self.username


class AuditTrail(models.Model):
    """The audit trail as a whole, which no row stands for: who may see it, and who may verify its chain."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = [("verify_audittrail", "Can verify the chain of the audit trail")]
        verbose_name = _("audit trail")
        verbose_name_plural = _("audit trail")
