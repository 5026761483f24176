"""Entries about all contracts, to look through: subscriptions, levels, packages, notices. Entered on a contract's page."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.admin import ViewOnlyAdmin
from tenants.models import MeasuredLevel, PackagePurchase, PriceNotice, SubscriptionChange
from tenants.wording.measures import measure_name


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(ViewOnlyAdmin):
    """Who changed what is held, when and why."""

    list_display = ("contract", "item", "on", "changed", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "item")
    list_filter = ("item",)

    @admin.display(description=_("change"), ordering="change")
    def changed(self, change: SubscriptionChange) -> str:
        """Give the figure without its empty decimals."""
        return f"{change.change.normalize():,f}"


@admin.register(MeasuredLevel)
class MeasuredLevelAdmin(ViewOnlyAdmin):
    """What promised services came to."""

    list_display = ("contract", "measured", "period_starts_on", "came_to", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "measure")
    list_filter = ("measure",)

    @admin.display(description=_("measurement"), ordering="measure")
    def measured(self, level: MeasuredLevel) -> str:
        """Name the measure in words."""
        return measure_name(level.measure)

    @admin.display(description=_("level"), ordering="level")
    def came_to(self, level: MeasuredLevel) -> str:
        """Give the figure without its empty decimals."""
        return f"{level.level.normalize():,f}"


@admin.register(PackagePurchase)
class PackagePurchaseAdmin(ViewOnlyAdmin):
    """Packages that were bought; what is left of each stands on its contract's page."""

    list_display = ("contract", "package", "bought_on", "expires_on", "bought", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "package")

    @admin.display(description=_("quantity"), ordering="quantity")
    def bought(self, purchase: PackagePurchase) -> str:
        """Give the figure without its empty decimals."""
        return f"{purchase.quantity.normalize():,f}"


@admin.register(PriceNotice)
class PriceNoticeAdmin(ViewOnlyAdmin):
    """Where the mails about price rises are."""

    list_display = ("version", "recipient", "state", "attempts", "due_at", "sent_at", "said")
    list_select_related = ("version__contract",)
    list_filter = ("state",)
    search_fields = ("recipient", "version__contract__code")

    @admin.display(description=_("mail server's answer"))
    def said(self, notice: PriceNotice) -> str:
        """Give the mail server's words, and our own in the reader's language."""
        return notice.said
