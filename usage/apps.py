"""Django's name for this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UsageConfig(AppConfig):
    """Usage: what they used."""

    name = "usage"
    verbose_name = _("Usage")
