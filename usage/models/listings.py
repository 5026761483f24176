"""Pages of the admin over rows of the data plane."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Listing(models.Model):
    """A page of the admin over rows of the data plane, whose composite keys Django's own lists cannot show."""

    class Meta:
        abstract = True
        managed = False
        default_permissions = ()


class CallListing(Listing):
    """The page of calls; what may be seen there is ``usage.view_call``."""

    class Meta(Listing.Meta):
        verbose_name = _("call")
        verbose_name_plural = _("call records")


class BatchListing(Listing):
    """The page of deliveries; ``usage.view_batch``."""

    class Meta(Listing.Meta):
        verbose_name = _("delivery of calls")
        verbose_name_plural = _("deliveries of calls")


class QuarantineListing(Listing):
    """The page of quarantine; ``usage.view_quarantined``, and ``change_quarantined`` to replay."""

    class Meta(Listing.Meta):
        verbose_name = _("record in quarantine")
        verbose_name_plural = _("quarantine")


class DeclarationListing(Listing):
    """The page of declarations; ``usage.view_declaration``."""

    class Meta(Listing.Meta):
        verbose_name = _("declaration")
        verbose_name_plural = _("declarations")


class LevelListing(Listing):
    """The page of service levels, counted and entered; ``tenants.view_measuredlevel``."""

    class Meta(Listing.Meta):
        verbose_name = _("service level")
        verbose_name_plural = _("service levels")
