"""What a payment gateway does for us, and which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from billing.errors import Refused


class Untrusted(Refused):
    """A callback whose signature is not the gateway's, or that cannot be read; a gateway raises it."""

    status = 403


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that came in by a gateway: its own reference of the payment, for which invoice, how much, from whom."""

    reference: str
    number: str
    amount: Decimal
    currency: str
    payer: str = ""


class Gateway(Protocol):
    """One way to pay online. It is made without arguments and reads its own account from the environment.

    ``title`` is what a tenant reads, by language (zh, en); ``acknowledgement`` the body the gateway wants back.
    """

    title: Mapping[str, str]
    acknowledgement: str

    def payment_link(self, number: str, amount: Decimal, currency: str, *, callback: str, back: str) -> str:
        """Return an address where an invoice is paid; asked again, the same payment, not a second one.

        The gateway reports to ``callback`` and leads the payer ``back``. It is called outside any transaction and keeps a
        time-out of its own.
        """

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> Paid | None:
        """Check a report's signature and read it; None when it tells of no money. Raises Untrusted."""


@cache
def gateways() -> dict[str, Gateway]:
    """Make the gateways that ``HUADAN_GATEWAYS`` names, by name."""
    return {name: import_string(path)() for name, path in settings.ENVIRONMENT.gateway_classes.items()}


def gateway_called(name: str) -> Gateway | None:
    """Return the gateway of a name, or None."""
    return gateways().get(name)
