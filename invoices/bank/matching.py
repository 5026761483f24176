"""Whose money is it? A proposal for each row: by a number in the remark, the payer's name or tax id, the amount."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from invoices.models import BankLine, Receivable
from tenants.models import Tenant

Spoken = TypeVar("Spoken")
SAYS_NOTHING = re.compile(r"[\s()（）【】\[\]·.,，。-]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tenant and what of its invoices a row pays, by their ids; ``by`` says what spoke for it."""

    tenant: Tenant | None = None
    amounts: dict[int, Decimal] = field(default_factory=dict)
    by: tuple[str, ...] = ()


NUMBER, TAX_ID, NAME, AMOUNT = "number", "tax id", "name", "amount"


def propose(lines: Iterable[BankLine], seller_id: int) -> dict[int, Proposal]:
    """Propose for each waiting row, by its id, a tenant of the seller and its invoices; the best sign wins.

    A number in the remark names an invoice; a tax id or the payer's name a tenant, whose invoice of just this amount is
    meant, or else the oldest. An amount that only one open invoice has is a hint, no more. No two rows of the list are
    proposed the same money.
    """
    found = list(
        Receivable.objects.filter(open__gt=0, invoice__seller_id=seller_id)
        .select_related("invoice", "tenant").order_by("due_on", "invoice_id")
    )  # fmt: skip
    book = _Book(found, list(Tenant.objects.filter(seller_id=seller_id)))
    return {line.pk: book.propose(line) for line in lines if line.state == BankLine.WAITING}


class _Book:
    """What is open, looked up by everything a row may say; what was proposed is taken off."""

    def __init__(self, receivables: list[Receivable], tenants: list[Tenant]) -> None:
        self.left = {each.invoice_id: each.open for each in receivables}
        self.of_tenant: dict[int, list[Receivable]] = defaultdict(list)
        self.by_amount: dict[tuple[Decimal, str], list[Receivable]] = defaultdict(list)
        self.by_number: dict[str, Receivable] = {}
        for each in receivables:
            self.of_tenant[each.tenant_id].append(each)
            self.by_amount[each.open, each.currency].append(each)
            self.by_number[_plain(each.invoice.number or "")] = each
        self.by_name = {_plain(name): t for t in tenants for name in (t.name_zh, t.name_en) if len(_plain(name)) > 1}
        self.by_tax_id = {_plain(tenant.tax_id): tenant for tenant in tenants if tenant.tax_id}

    def propose(self, line: BankLine) -> Proposal:
        """Propose for one row."""
        said = _plain(f"{line.payer} {line.remark}")
        named = [each for each in _spoken(self.by_number, said) if each.currency == line.currency]
        if named and len({each.tenant_id for each in named}) == 1:
            return self._pays(line, named[0].tenant, named + self.of_tenant[named[0].tenant_id], NUMBER)
        for sign, book in ((TAX_ID, self.by_tax_id), (NAME, self.by_name)):
            spoken = set(_spoken(book, said))
            if len(spoken) == 1:
                tenant = spoken.pop()
                same = [each for each in self.of_tenant[tenant.pk] if each.open == line.amount]
                return self._pays(line, tenant, same + self.of_tenant[tenant.pk], sign)
        same = self.by_amount[line.amount, line.currency]
        return self._pays(line, same[0].tenant, same, AMOUNT) if len(same) == 1 else Proposal()

    def _pays(self, line: BankLine, tenant: Tenant, wanted: list[Receivable], sign: str) -> Proposal:
        left, amounts = line.amount, dict[int, Decimal]()
        for each in wanted:
            part = min(left, self.left[each.invoice_id]) if each.currency == line.currency else Decimal(0)
            if part > 0:
                amounts[each.invoice_id] = amounts.get(each.invoice_id, Decimal(0)) + part
                self.left[each.invoice_id] -= part
                left -= part
        exact = sign != AMOUNT and len(amounts) == 1 and not left and not any(self.left[pk] for pk in amounts)
        return Proposal(tenant, amounts, (sign, AMOUNT) if exact else (sign,))


def _spoken(book: Mapping[str, Spoken], said: str) -> list[Spoken]:
    """List what a text names; a name that is part of a longer one named is not meant."""
    named = [name for name in book if name and name in said]
    return [book[name] for name in named if not any(name != longer and name in longer for longer in named)]


def _plain(text: str) -> str:
    return SAYS_NOTHING.sub("", unicodedata.normalize("NFKC", text)).casefold()
