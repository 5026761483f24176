"""Packages and credits in double entry: bought, drawn down by invoices, expired; a balance is the sum of its movements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, add_months
from billing.rating.bill import BalanceAfter
from billing.rating.terms import Agreement, PackageClause
from billing.rating.totals import Balance
from tenants.contracts import refuse_frozen, signed_versions
from tenants.models import Contract, Movement, PackagePurchase, Posting

ROUNDING = Decimal("1e-7")  # a bill shows quantities to eight places
ACCOUNT_OF = {Posting.BOUGHT: Movement.BOUGHT, Posting.DRAWN: Movement.DRAWN, Posting.EXPIRED: Movement.EXPIRED}


class Ledger(NamedTuple):
    """One move on a purchase's balance: which kind, for which day, how many units, because of which invoice."""

    kind: str
    on: date
    units: Decimal
    reference: str
    at: datetime
    by: str


class CannotPost(Refused):
    """The movement must not be posted."""

    status = 409


def buy_package(
    contract: Contract,
    package: str,
    *,
    on: date,
    by: str,
    reason: str,
    now: datetime,
    quantity: Decimal | None = None,
    external_id: str = "",
) -> PackagePurchase:
    """Enter that a package was bought; its units can be drawn from the day ``on``. Return the purchase.

    ``quantity`` is in the clause's unit, as the clause says unless given; the validity is the clause's. The same
    ``external_id`` again returns the purchase that is there. Raises CannotPost when no version in force that day sells
    the package, CannotChangePast when the month is invoiced.
    """
    with transaction.atomic(durable=True):
        contract = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
        known = contract.packages.filter(external_id=external_id).first() if external_id else None
        if known is not None:
            return _same(known, package, on, quantity)
        refuse_frozen(contract, on, pointer="/on")
        clause = _sold_on(contract, package, on)
        units = clause.quantity if quantity is None else quantity
        if units <= 0:
            raise CannotPost("wrong_quantity", _("Write a quantity above 0."), pointer="/quantity")
        purchase = PackagePurchase.objects.create(
            contract=contract, package=package, bought_on=on, expires_on=_expiry(clause, on), quantity=units,
            by=by, reason=reason, at=now, external_id=external_id,
        )  # fmt: skip
        _post(purchase, Posting.BOUGHT, units, on=on, reference="", by=by, now=now)
        return purchase


def balances_in(contract: Contract | int, period: Period) -> tuple[Balance, ...]:
    """List the purchases that can be drawn in a month, with what was left of each as it began, in the engine's form.

    What this or a later month drew does not count, so a month rated again finds what it found at first.
    """
    return tuple(
        Balance(bought.package, bought.bought_on, left, bought.expires_on, bought.quantity)
        for bought, left in _open_in(contract, period)
    )


def balance_of(purchase: PackagePurchase) -> Decimal:
    """Give what is left of a purchase: the sum of the movements on its balance."""
    moved = Movement.objects.filter(posting__purchase=purchase, account=Movement.BALANCE)
    return Decimal(moved.aggregate(left=Coalesce(Sum("units"), Decimal(0)))["left"])


def postings_of(purchase: PackagePurchase) -> Iterator[Ledger]:
    """List every move on a purchase's balance, oldest first; their units add up to what is left."""
    moves = Movement.objects.filter(posting__purchase=purchase, account=Movement.BALANCE).select_related("posting")
    for move in moves.order_by("posting_id"):
        posting = move.posting
        yield Ledger(posting.kind, posting.on, move.units, posting.reference, posting.at, posting.by)


def settle_packages(
    contract: Contract, period: Period, left: Iterable[BalanceAfter], *, invoice: str, by: str, now: datetime
) -> None:
    """Post what the bill of a month drew from each purchase and what expired with the month; once per ``invoice``.

    ``left`` are the bill's balances. What a monthly package grants becomes a purchase of its own. To be called in
    the transaction that issues the invoice. Raises CannotPost when the balances are not those the bill was computed
    from: then the month must be drafted again.
    """
    contract = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    if Posting.objects.filter(purchase__contract=contract, reference=invoice).exists():
        return
    waiting = _open_in(contract, period)
    last = period.ends_on - timedelta(days=1)
    for after in left:
        found = next((pair for pair in waiting if _is(pair[0], after)), None)
        if found is not None:
            waiting.remove(found)
        purchase, before = found or _grant(contract, period, after, invoice, by, now)
        if purchase is not None:
            drawn = before - after.remaining - after.expired
            _post(purchase, Posting.DRAWN, -drawn, on=last, reference=invoice, by=by, now=now)
            _post(purchase, Posting.EXPIRED, -after.expired, on=last, reference=invoice, by=by, now=now)
            if abs(drawn - after.drawn) > ROUNDING or balance_of(purchase) < 0:
                raise _moved(after)


def reverse_packages(contract: Contract, *, invoice: str, by: str, now: datetime) -> None:
    """Take back what an invoice drew and let expire, once: the invoice is void. To be called in its transaction."""
    Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    posted = Posting.objects.filter(purchase__contract=contract, reference=invoice, reversed_by=None)
    for posting in posted.exclude(kind=Posting.REVERSED):
        back = Posting.objects.create(
            purchase_id=posting.purchase_id, kind=Posting.REVERSED, reverses=posting, reference=invoice, on=posting.on,
            by=by, at=now,
        )  # fmt: skip
        Movement.objects.bulk_create(
            Movement(posting=back, account=each.account, units=-each.units) for each in posting.movements.all()
        )


def _open_in(contract: Contract | int, period: Period) -> list[tuple[PackagePurchase, Decimal]]:
    """List purchases usable in the month and not used up before it, with what was left, in order of purchase.

    A purchase counts from the start, a draw-down for the month it was made for; what an invoice granted counts from
    the month after, because the engine grants the month's own anew.
    """
    counted = Q(postings__on__lt=period.starts_on) | Q(postings__kind=Posting.BOUGHT, postings__reference="")
    on_balance = Q(postings__movements__account=Movement.BALANCE) & counted
    found = (
        PackagePurchase.objects.filter(contract=contract, bought_on__lt=period.ends_on)
        .exclude(expires_on__lte=period.starts_on)
        .annotate(left=Coalesce(Sum("postings__movements__units", filter=on_balance), Decimal(0)))
        .order_by("bought_on", "pk")
    )
    return [(bought, bought.left) for bought in found if bought.left > 0]


def _is(bought: PackagePurchase, after: BalanceAfter) -> bool:
    return (bought.package, bought.bought_on) == (after.package, after.bought_on) and (
        bought.expires_on in (None, after.expires_on)
    )


def _grant(
    contract: Contract, period: Period, after: BalanceAfter, invoice: str, by: str, now: datetime
) -> tuple[PackagePurchase | None, Decimal]:
    """Enter what a monthly package granted, so that its rest can be carried over."""
    held = after.drawn + after.remaining + after.expired
    if held <= 0:
        return None, held
    bought = contract.packages.filter(package=after.package, bought_on=after.bought_on)
    if after.bought_on not in period or bought.filter(postings__kind=Posting.BOUGHT, postings__reference="").exists():
        raise _moved(after)
    purchase = PackagePurchase.objects.create(
        contract=contract, package=after.package, bought_on=after.bought_on, expires_on=after.expires_on,
        quantity=held, by=by, at=now, reason=invoice,
    )  # fmt: skip
    _post(purchase, Posting.BOUGHT, held, on=after.bought_on, reference=invoice, by=by, now=now)
    return purchase, held


def _moved(after: BalanceAfter) -> CannotPost:
    return CannotPost(
        "balance_moved",
        _("The balance of %(package)s changed since the draft; draft the month again.") % {"package": after.package},
    )


def _post(
    purchase: PackagePurchase, kind: str, units: Decimal, *, on: date, reference: str, by: str, now: datetime
) -> None:
    """Write one posting with its two sides; nothing when nothing moves."""
    if units:
        posting = Posting.objects.create(purchase=purchase, kind=kind, on=on, reference=reference, by=by, at=now)
        Movement.objects.bulk_create(
            Movement(posting=posting, account=account, units=side)
            for account, side in ((Movement.BALANCE, units), (ACCOUNT_OF[kind], -units))
        )


def _sold_on(contract: Contract, package: str, on: date) -> PackageClause:
    ruling = [version for version in signed_versions(contract) if version.starts_on <= on][-1:]
    clauses = Agreement.from_json(ruling[0].agreement).clauses if ruling else ()
    sold = {clause.code: clause for clause in clauses if isinstance(clause, PackageClause) and clause.every == "once"}
    if package not in sold or (contract.ends_on and on >= contract.ends_on):
        raise CannotPost(
            "unknown_package",
            _("Contract %(code)s sells no package %(package)s on %(day)s; it sells: %(known)s.")
            % {"code": contract.code, "package": package, "day": on, "known": ", ".join(sold) or "–"},
            pointer="/package",
        )
    return sold[package]


def _expiry(clause: PackageClause, on: date) -> date | None:
    if clause.valid_days is not None:
        return on + timedelta(days=clause.valid_days)
    return None if clause.valid_months is None else add_months(on, clause.valid_months)


def _same(known: PackagePurchase, package: str, on: date, quantity: Decimal | None) -> PackagePurchase:
    if (known.package, known.bought_on, known.quantity) != (
        package,
        on,
        known.quantity if quantity is None else quantity,
    ):
        raise CannotPost(
            "external_id_taken",
            _("%(id)s stands for %(entry)s already; entries stay as they are, so choose a new id.")
            % {"id": known.external_id, "entry": known},
        )
    return known
