"""Numbers without gaps: a counter row, taken inside the transaction that issues."""

from __future__ import annotations

from django.db import connection

from invoices.models import NumberSeries
from tenants.models import Seller


def take_number(seller: Seller, kind: str, year: int) -> str:
    """Take the next number of a seller's series of a year, in the seller's pattern, such as ``HD-2026-000123``.

    Credit notes have a series of their own, ``C-HD-2026-000001``.

    Must run inside the issuing transaction: a rollback gives the number back, and the row's lock makes the order of
    numbers the order of issue.
    """
    assert connection.in_atomic_block, "a number is taken inside the transaction that uses it"  # noqa: S101  # nosec B101
    NumberSeries.objects.get_or_create(seller=seller, kind=kind, year=year)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoices_numberseries SET next_number = next_number + 1 "
            "WHERE seller_id = %s AND kind = %s AND year = %s RETURNING next_number - 1",
            [seller.pk, kind, year],
        )
        number = cursor.fetchone()[0]
    plain = seller.number_pattern.format(seller=seller.code.upper(), year=year, number=number)
    return f"C-{plain}" if kind == NumberSeries.CREDIT_NOTE else plain
