"""Django's name for this app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Tenants: who pays, and what they agreed to."""

    name = "tenants"
