"""The addresses of the operator API."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from tenants.api import agreements, holdings, parties, webhooks

TENANT = r"(?P<tenant>[a-z0-9][a-z0-9-]{0,39})"
CONTRACT = r"(?P<contract>[A-Za-z0-9][A-Za-z0-9._-]{0,39})"
ENTRY = r"(?P<external_id>[A-Za-z0-9][A-Za-z0-9._:-]{0,99})"
WEBHOOK = r"webhooks/(?P<webhook>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
VERSION = rf"{CONTRACT}/versions/(?P<number>[1-9][0-9]{{0,4}})"

urlpatterns: list[URLPattern] = [
    re_path(rf"^api/v1/{route}$", view.as_view(), name=name)
    for route, view, name in (
        ("tenants", parties.TenantsView, "tenants"),
        (rf"tenants/{TENANT}", parties.TenantDetailView, "tenant"),
        (rf"tenants/{TENANT}/keys", parties.KeysView, "keys"),
        (rf"tenants/{TENANT}/keys/(?P<name>[A-Za-z0-9][A-Za-z0-9 ._-]{{0,99}})", parties.KeyView, "key"),
        ("contracts", agreements.ContractsView, "contracts"),
        (rf"contracts/{CONTRACT}", agreements.ContractView, "contract"),
        (rf"contracts/{CONTRACT}/end", agreements.EndView, "end-contract"),
        (rf"contracts/{CONTRACT}/renew", agreements.RenewView, "renew-contract"),
        (rf"contracts/{CONTRACT}/events", agreements.EventsView, "contract-events"),
        (rf"contracts/{CONTRACT}/versions", agreements.VersionsView, "versions"),
        (rf"contracts/{VERSION}", agreements.VersionView, "version"),
        (rf"contracts/{VERSION}/sign", agreements.SignView, "sign-version"),
        (rf"contracts/{CONTRACT}/subscriptions", holdings.SubscriptionsView, "subscriptions"),
        (rf"contracts/{CONTRACT}/subscriptions/{ENTRY}", holdings.SubscriptionView, "subscription"),
        (rf"contracts/{CONTRACT}/measurements", holdings.LevelsView, "measurements"),
        (rf"contracts/{CONTRACT}/measurements/{ENTRY}", holdings.LevelView, "measurement"),
        (rf"contracts/{CONTRACT}/packages", holdings.PackagesView, "packages"),
        (rf"contracts/{CONTRACT}/packages/{ENTRY}", holdings.PackageView, "package"),
        ("webhooks", webhooks.WebhooksView, "webhooks"),
        (WEBHOOK, webhooks.WebhookView, "webhook"),
        (rf"{WEBHOOK}/rotate", webhooks.RotateView, "rotate-webhook"),
        (rf"{WEBHOOK}/test", webhooks.TestView, "test-webhook"),
        (rf"{WEBHOOK}/messages", webhooks.MessagesView, "webhook-messages"),
        (rf"{WEBHOOK}/replay", webhooks.ReplayView, "replay-webhook"),
    )
]
