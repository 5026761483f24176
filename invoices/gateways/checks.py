"""System check: a payment gateway that cannot be made is told at the start, not to the first who wants to pay."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string


@register()
def every_gateway_can_be_made(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Make each gateway that ``HUADAN_GATEWAYS`` names once; whatever goes wrong is an error with its own words."""
    found: list[CheckMessage] = []
    for name, path in settings.ENVIRONMENT.gateway_classes.items():
        try:
            import_string(path)()
        except Exception as fault:  # noqa: BLE001 - it is others' code
            found.append(
                Error(
                    f"HUADAN_GATEWAYS: {name} cannot be made of {path}: {fault}",
                    hint="Correct the path of the class, install its package, or set what the gateway itself asks for.",
                    id="huadan.E001",
                )
            )
    return found
