"""Django's name for this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    """Tenants: who pays, and what they agreed to."""

    name = "tenants"
    verbose_name = _("Tenants and contracts")
