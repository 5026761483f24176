"""Sellers, tenants, contracts and keys, as finance sets them up: one file a page."""

from tenants.admin import bounces, contracts, holdings, keys, sellers, staff, tenants, versions, webhooks

__all__ = ["bounces", "contracts", "holdings", "keys", "sellers", "staff", "tenants", "versions", "webhooks"]
