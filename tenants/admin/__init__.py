"""Sellers, tenants, contracts and keys, as finance sets them up: one file a page."""

from tenants.admin import contracts, holdings, keys, sellers, staff, tenants, versions, webhooks

__all__ = ["contracts", "holdings", "keys", "sellers", "staff", "tenants", "versions", "webhooks"]
