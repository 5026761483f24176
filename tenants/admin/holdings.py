"""Entries about all contracts, to look through: subscriptions, levels, packages, notices. Entered on a contract's page."""

from __future__ import annotations

from django.contrib import admin

from billing.admin import ViewOnlyAdmin
from tenants.models import MeasuredLevel, PackagePurchase, PriceNotice, SubscriptionChange


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(ViewOnlyAdmin):
    """Who changed what is held, when and why."""

    list_display = ("contract", "item", "on", "change", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "item")
    list_filter = ("item",)


@admin.register(MeasuredLevel)
class MeasuredLevelAdmin(ViewOnlyAdmin):
    """What promised services came to."""

    list_display = ("contract", "measure", "period_starts_on", "level", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "measure")
    list_filter = ("measure",)


@admin.register(PackagePurchase)
class PackagePurchaseAdmin(ViewOnlyAdmin):
    """Packages that were bought; what is left of each stands on its contract's page."""

    list_display = ("contract", "package", "bought_on", "expires_on", "quantity", "by", "reason")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "package")


@admin.register(PriceNotice)
class PriceNoticeAdmin(ViewOnlyAdmin):
    """Where the mails about price rises are."""

    list_display = ("version", "recipient", "state", "attempts", "due_at", "sent_at", "answer")
    list_select_related = ("version__contract",)
    list_filter = ("state",)
    search_fields = ("recipient", "version__contract__code")
