"""The doors calls come in by, and the windows their senders look through."""

from usage.api.urls import urlpatterns

__all__ = ["urlpatterns"]
