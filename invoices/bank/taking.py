"""Taking a bank's export in, once; and what a person says of each row: whose payment it is, or that it is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.bank.layouts import Layout, layouts
from invoices.bank.reading import read_export
from invoices.models import BankFile, BankLine, Payment
from invoices.paying import record_payment
from tenants.models import Seller, Tenant


class CannotTake(Refused):
    """The file or the row is dealt with already, or not as asked."""

    status = 409


def import_file(
    seller: Seller, name: str, content: bytes, *, currency: str, by: str, now: datetime, layout: Layout | None = None
) -> BankFile:
    """Take the rows of an export that are not known yet; they wait for a person. Return the file with its counts.

    A row is known by the bank's serial number, or by all it says, whichever export it came in. Raises CannotTake when
    the same bytes were imported before, Unreadable when they are no export.
    """
    digest = hashlib.sha256(content).hexdigest()
    before = BankFile.objects.filter(seller=seller, sha256=digest).first()
    if before is not None:
        raise CannotTake(
            "imported_already",
            _("This file was imported already, as %(name)s; nothing is imported twice.") % {"name": before.name},
        )
    used, rows, skipped = read_export(content, [layout] if layout else layouts(), currency=currency)
    with transaction.atomic(durable=True):
        Seller.objects.select_for_update().get(pk=seller.pk)
        keys = [row.key for row in rows]
        known = set(BankLine.objects.filter(seller=seller, key__in=keys).values_list("key", flat=True))
        file, made = BankFile.objects.get_or_create(
            seller=seller, sha256=digest,
            defaults={
                "name": name[:200], "format": used, "rows": len(rows), "known": len(known), "skipped": skipped,
                "imported_at": now, "imported_by": by,
            },
        )  # fmt: skip
        if made:
            BankLine.objects.bulk_create(
                BankLine(
                    file=file, seller=seller, key=row.key, position=row.position, on=row.on, amount=row.amount,
                    currency=row.currency, payer=row.payer, remark=row.remark, serial=row.serial,
                )
                for row in rows if row.key not in known
            )  # fmt: skip
    return file


def confirm(line_id: int, tenant: Tenant, amounts: Mapping[int, Decimal] | None, *, by: str, now: datetime) -> Payment:
    """Record a row as a tenant's payment of the invoices named, the oldest if none are; once, however many confirm it.

    Raises CannotTake when the row is decided, or the tenant is another seller's; CannotPay as record_payment does.
    """
    with transaction.atomic(durable=True):
        line = _waiting(line_id)
        if tenant.seller_id != line.seller_id:
            raise CannotTake("other_seller", _("%(tenant)s is a customer of another seller.") % {"tenant": tenant})
        payment = record_payment(
            tenant.pk, line.amount, currency=line.currency, by=by, now=now, allocate_to=amounts, on=line.on,
            reference=line.serial, payer=line.payer, note=line.remark[:300],
        )  # fmt: skip
        line.state, line.payment, line.decided_by, line.decided_at = BankLine.RECORDED, payment, by, now
        line.save()
    return payment


def ignore(line_id: int, *, by: str, now: datetime) -> None:
    """Say that a row is no tenant's payment, such as interest. Raises CannotTake when it is decided."""
    with transaction.atomic(durable=True):
        line = _waiting(line_id)
        line.state, line.decided_by, line.decided_at = BankLine.IGNORED, by, now
        line.save()


def _waiting(line_id: int) -> BankLine:
    line = BankLine.objects.select_for_update().get(pk=line_id)
    if line.state != BankLine.WAITING:
        raise CannotTake("decided", _("Row %(row)d is decided already.") % {"row": line.position})
    return line
