"""The menu of the admin, by task: what a person comes to do, in the order of the month; only what they may see."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.admin import site
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

TASKS: list[tuple[Promise, list[tuple[str, str]]]] = [
    (
        _("Month close"),
        [
            ("invoices_closerun", "event_available"), ("invoices_runstep", "checklist"), ("invoices_finding", "report"),
            ("invoices_reopening", "lock_open"), ("invoices_bookscheck", "fact_check"),
        ],
    ),
    (
        _("Invoices"),
        [
            ("invoices_invoice", "receipt_long"), ("invoices_creditrequest", "rule"), ("invoices_creditnote", "undo"),
            ("invoices_dispute", "contact_support"), ("invoices_taxinvoice", "verified"), ("invoices_delivery", "mail"),
            ("tenants_bounce", "unsubscribe"),
            ("invoices_tableexport", "table_view"),
        ],
    ),
    (
        _("Payments"),
        [
            ("invoices_receivable", "account_balance_wallet"), ("invoices_statementmail", "forward_to_inbox"), ("invoices_payment", "payments"),
            ("invoices_bankfile", "account_balance"), ("invoices_writeoff", "money_off"), ("invoices_refund", "currency_exchange"),
            ("invoices_ledgerentry", "menu_book"),
        ],
    ),
    (
        _("Tenants and contracts"),
        [
            ("tenants_tenant", "apartment"), ("tenants_contract", "contract"), ("tenants_contractversion", "history_edu"),
            ("tenants_subscriptionchange", "toggle_on"), ("tenants_measuredlevel", "speed"),
            ("tenants_packagepurchase", "inventory_2"), ("tenants_pricenotice", "campaign"),
        ],
    ),
    (
        _("Usage"),
        [
            ("usage_calllisting", "call"), ("usage_batchlisting", "upload_file"), ("usage_quarantinelisting", "gpp_maybe"),
            ("usage_declarationlisting", "assignment_turned_in"), ("usage_levellisting", "monitoring"),
            ("usage_silencealarm", "notifications_paused"),
            ("tenants_budget", "savings"), ("tenants_budgetalert", "notifications_active"),
        ],
    ),
    (
        _("Settings"),
        [
            ("tenants_seller", "store"), ("tenants_taxcode", "tag"), ("usage_source", "settings_input_antenna"), ("tenants_apikey", "key"),
            ("tenants_webhookendpoint", "webhook"), ("tenants_webhookmessage", "outgoing_mail"),
            ("invoices_bankformat", "view_column"), ("usage_retentionpolicy", "auto_delete"), ("usage_removal", "delete_sweep"),
            ("usage_unmasking", "visibility"), ("invoices_trailentry", "history"),
            ("invoices_trailanchor", "anchor"), ("auth_user", "person"), ("auth_group", "group"),
            ("billing_lockout", "lock"),
        ],
    ),
]  # fmt: skip


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the groups of the menu with the pages this person may see, as the admin's theme reads them."""
    return [
        {"title": title, "separator": True, "collapsible": False, "items": [_entry(page, icon) for page, icon in pages]}
        for title, pages in TASKS
    ]


def own_pages(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the links of a person's own menu."""
    own = [{"title": _("Language and theme"), "link": reverse_lazy("admin:own_settings")}]
    if getattr(request.user, "otp_device", None) is not None:
        own.append({"title": _("New telephone"), "link": reverse_lazy("admin:enrol")})
    return [*own, {"title": _("Change password"), "link": reverse_lazy("admin:password_change")}]


def listed() -> set[str]:
    """Name the pages in the menu."""
    return {page for _title, pages in TASKS for page, _icon in pages}


def _entry(page: str, icon: str) -> dict[str, Any]:
    return {
        "title": capfirst(_page(page).opts.verbose_name_plural),
        "icon": icon,
        "link": reverse_lazy(f"admin:{page}_changelist"),
        "permission": lambda request: _page(page).has_view_permission(request),
    }


def _page(page: str) -> Any:
    app, model = page.split("_")
    return site.get_model_admin(apps.get_model(app, model))
