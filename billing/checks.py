"""System checks: what Django cannot know is wrong with a set-up."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name for it

from billing.roles import patterns_of_nothing


@register(Tags.security, deploy=True)
def the_base_address_is_https(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Warn when links in mails would be plain http although the site redirects to https."""
    if (
        settings.SECURE_SSL_REDIRECT
        and settings.BASE_URL.startswith("http://")
        and "localhost" not in settings.BASE_URL
    ):
        return [Warning("HUADAN_BASE_URL is http; use https.", hint="Set HUADAN_BASE_URL.", id="huadan.W001")]
    return []


@register(Tags.security, deploy=True)
def staff_need_a_second_factor(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Warn when a password alone opens the admin."""
    if settings.STAFF_TOTP:
        return []
    return [Warning("Staff log in with a password alone.", hint="Set HUADAN_TOTP=true.", id="huadan.W002")]


@register()
def the_roles_name_permissions_there_are(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Refuse an entry of the table of roles that no permission fits: it would give nobody anything."""
    return [
        Error(
            f"billing/roles.py says {entry}, and no permission is called so.",
            hint="Correct the entry, or take it out with the model that is gone.",
            id="huadan.E001",
        )
        for entry in patterns_of_nothing()
    ]
