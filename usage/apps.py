"""Django's name for this app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Usage: what they used."""

    name = "usage"
