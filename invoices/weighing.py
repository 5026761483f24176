"""Comparisons that a tenant asked for: a row each, worked on by whoever claims it, counted month by month.

What is counted is kept with the row, so that who goes on after a pause, or after a worker that died, counts only the
months that are missing. Every write names the fence of its claim.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from math import inf
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.errors import Refused
from billing.periods import Period, period_containing
from billing.rating import Agreement, Terms, Totals
from billing.rating.terms import Name
from invoices.advising import Advice, advise, in_words
from invoices.comparing import Comparison, Held, Offer, check_comparable, compare
from invoices.models import AskedComparison, ComparedMonth
from invoices.stepping import LostClaim, beating
from tenants.models import Contract, Tenant
from usage.condensing import Counted, count_under
from usage.models import Call

TRIES, MOST_WAITING, MOST_KEPT = 5, 5, 200
SMALL_CALLS, SMALL_PRICES = 20_000, 24
FREE = Q(claimed_until=None) | Q(claimed_until__lt=Now())


class TooManyComparisons(Refused):
    """The tenant has as many comparisons waiting as it may."""

    status = 409


class Paused(Exception):
    """The time is over; what is counted is kept."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A comparison that this worker, and no other, works on."""

    asked: AskedComparison
    fence: int

    def move(self, **changes: Any) -> None:
        """Change the comparison, if the claim still holds. Raises LostClaim."""
        held = AskedComparison.objects.filter(pk=self.asked.pk, fence=self.fence, state=AskedComparison.WAITING)
        if not held.update(claimed_until=None, **changes):
            raise LostClaim


def ask_comparison(
    contract: Contract, months: Sequence[Period], offers: Sequence[Offer], *, held: Held | None, by: str, now: datetime
) -> AskedComparison:
    """Keep a comparison to be worked on; the same one while it waits is the one that is there.

    Raises what ``compare`` does about months and offers, TooManyComparisons when five others wait. The latest 200 of a
    tenant are kept.
    """
    check_comparable(contract, months, offers)
    asked = AskedComparison(
        tenant_id=contract.tenant_id, contract=contract, asked_by=by, asked_at=now, first_month=months[0].starts_on,
        months=len(months), offers=[_kept(each) for each in offers],
        held=None if held is None else {item: str(number) for item, number in held.items()},
    )  # fmt: skip
    told = [contract.pk, str(asked.first_month), asked.months, asked.offers, asked.held]
    asked.question = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    with transaction.atomic(durable=True):
        Tenant.objects.select_for_update(no_key=True).get(pk=contract.tenant_id)
        mine = AskedComparison.objects.filter(tenant_id=contract.tenant_id)
        waiting = mine.filter(state=AskedComparison.WAITING)
        if there := waiting.filter(question=asked.question).first():
            return there
        if waiting.count() >= MOST_WAITING:
            raise TooManyComparisons(
                "too_many_comparisons",
                _("%(most)d comparisons wait already; ask again when one is done.") % {"most": MOST_WAITING},
            )
        asked.save()
        oldest = mine.exclude(state=AskedComparison.WAITING).order_by("-pk").values("pk")[MOST_KEPT:]
        AskedComparison.objects.filter(pk__in=list(oldest.values_list("pk", flat=True))).delete()
    return asked


def is_small(asked: AskedComparison) -> bool:
    """Tell whether a comparison may be answered while its asker waits: few calls, few prices to reckon."""
    if asked.months * len(asked.offers) > SMALL_PRICES:
        return False
    of_months = Call.objects.filter(tenant_id=asked.tenant_id, period__in=[month.starts_on for month in _months(asked)])
    return of_months.values("period")[: SMALL_CALLS + 1].count() <= SMALL_CALLS


def waiting_comparisons() -> int:
    """Count the comparisons that nobody works on."""
    return AskedComparison.objects.filter(FREE, state=AskedComparison.WAITING).count()


def claim(asked_id: int | None = None) -> Claim | None:
    """Take a comparison that nobody works on: this one, or the one asked for first. None when there is none."""
    lease = timedelta(seconds=settings.ENVIRONMENT.close_lease_seconds)
    with transaction.atomic(durable=True):
        free = AskedComparison.objects.filter(FREE, state=AskedComparison.WAITING).order_by("pk")
        if asked_id is not None:
            free = free.filter(pk=asked_id)
        pk = free.select_for_update(skip_locked=True).values_list("pk", flat=True).first()
        if pk is None:
            return None
        AskedComparison.objects.filter(pk=pk).update(fence=F("fence") + 1, claimed_until=Now() + lease)
    asked = AskedComparison.objects.select_related("contract__tenant").get(pk=pk)
    return Claim(asked, asked.fence)


def work(held: Claim, now: datetime, *, seconds: float = inf) -> None:
    """Bring a claimed comparison to its end, or as far as ``seconds`` go; then it waits for the next worker.

    What the rules do not allow ends it with the reason, as does a fault of the program, which is raised for the log;
    a database that does not answer is asked again four times.
    """
    try:
        with beating("invoices_askedcomparison", {held.asked.pk: held.fence}):
            result = _reckon(held, perf_counter() + seconds)
        held.move(state=AskedComparison.DONE, result=result, ended_at=now)
        ComparedMonth.objects.filter(comparison_id=held.asked.pk).delete()
    except LostClaim:
        return
    except Paused:
        _leave(held)
    except Refused as refusal:
        _fail(held, refusal.code, refusal.message, now)
    except OperationalError:
        connection.close_if_unusable_or_obsolete()
        if held.asked.attempts + 1 < TRIES:
            _leave(held, attempts=F("attempts") + 1)
        else:
            _fail(held, "database_unavailable", _("The database did not answer; ask again later."), now)
    except Exception:
        _fail(held, "program_fault", _("A fault of the program; those who run it find it in the log."), now)
        raise


def _reckon(held: Claim, until: float) -> dict[str, Any]:
    asked = held.asked
    offers = [_read(each) for each in asked.offers]
    of_items = None if asked.held is None else {item: Decimal(number) for item, number in asked.held.items()}
    compared = compare(asked.contract, _months(asked), offers, held=of_items, count=_counting(held, until))
    return told(compared, advise(compared))


def _counting(held: Claim, until: float) -> Callable[[int, Sequence[Terms]], Counted]:
    """Count a month unless it was counted under the same terms before. Raises Paused before it begins one too late."""
    known = {each.starts_on: each for each in held.asked.counted.all()}
    begun = False

    def count(tenant_id: int, several: Sequence[Terms]) -> Counted:
        nonlocal begun
        month = several[0].period.starts_on
        digest = sha256(json.dumps([terms.to_json() for terms in several], sort_keys=True).encode()).hexdigest()
        kept = known.get(month)
        if kept is not None and kept.terms == digest:
            return Counted(kept.calls, kept.answered, kept.talk_ms, [Totals.from_json(each) for each in kept.totals])
        if begun and perf_counter() > until:
            raise Paused
        begun = True
        counted = count_under(tenant_id, several)
        _keep(held, month, digest, counted)
        return counted

    return count


def _keep(held: Claim, month: date, digest: str, counted: Counted) -> None:
    with transaction.atomic(durable=True):
        mine = AskedComparison.objects.select_for_update().filter(pk=held.asked.pk, fence=held.fence)
        if not mine.filter(state=AskedComparison.WAITING).exists():
            raise LostClaim
        ComparedMonth.objects.update_or_create(
            comparison_id=held.asked.pk,
            starts_on=month,
            defaults={
                "terms": digest, "calls": counted.calls, "answered": counted.answered, "talk_ms": counted.talk_ms,
                "totals": [totals.to_json() for totals in counted.totals],
            },
        )  # fmt: skip


def _leave(held: Claim, **changes: Any) -> None:
    try:
        held.move(**changes)
    except (LostClaim, OperationalError):
        return  # another has it, or will when the claim is over


def _fail(held: Claim, code: str, message: str, now: datetime) -> None:
    _leave(held, state=AskedComparison.FAILED, fault={"code": code, "detail": message}, ended_at=now)


def _months(asked: AskedComparison) -> list[Period]:
    found = [period_containing(asked.first_month, asked.contract.tenant.billing_day)]
    while len(found) < asked.months:
        found.append(period_containing(found[-1].ends_on, asked.contract.tenant.billing_day))
    return found


def _kept(offer: Offer) -> dict[str, Any]:
    agreement = offer.agreement.to_json() if offer.agreement else None
    return {"code": offer.code, "name": asdict(offer.name), "agreement": agreement}


def _read(kept: dict[str, Any]) -> Offer:
    agreement = kept["agreement"] and Agreement.from_json(kept["agreement"])
    return Offer(kept["code"], Name(**kept["name"]), agreement)


# -- the result -------------------------------------------------------------------------------------------------------


def told(compared: Comparison, advice: Advice) -> dict[str, Any]:
    """Tell a comparison as a JSON object: figures once, words in both languages; the cheapest contract first."""
    in_both = {}
    for language, code in (("zh", "zh-hans"), ("en", "en")):
        with override(code):
            spoken = in_words(compared, advice)
            in_both[language] = (spoken.reasons, spoken.unknown, [each.text for each in spoken.changed])
    order = compared.ranked()
    order += [each for each in compared.offers if each not in order]
    return {
        "best": advice.best.code if advice.best else None,
        "reasons": {language: words[0] for language, words in in_both.items()},
        "unknown": {language: words[1] for language, words in in_both.items()},
        "contracts": [_contract(compared, each) for each in order],
        "months": [
            {
                "starts_on": str(month.period.starts_on), "ends_on": str(month.period.ends_on), "calls": month.calls,
                "answered": month.answered, "talk_seconds": month.talk_ms // 1000,
                "amounts": [
                    {"code": code, "net": str(priced.bill.net), "total": str(priced.bill.total)}
                    for code, priced in month.priced.items()
                ],
            }
            for month in compared.months
        ],
        "break_evens": [
            {"below": each.below.code, "above": each.above.code, "calls": each.calls, "minutes": each.minutes}
            for each in advice.break_evens
        ],
        "changes": [
            {
                "code": each.code, "name": {language: words[2][place] for language, words in in_both.items()},
                "cheapest": each.cheapest.code,
                "amounts": [{"code": code, "net": str(net)} for code, net in each.net.items()],
            }
            for place, each in enumerate(advice.changed)
        ],
    }  # fmt: skip


def _contract(compared: Comparison, offer: Offer) -> dict[str, Any]:
    nets = [(m.priced[offer.code].bill.net, str(m.period.starts_on)) for m in compared.months if offer.code in m.priced]
    least, most = (min(nets), max(nets)) if nets else (None, None)
    return {
        "code": offer.code, "name": asdict(offer.name), "net": str(compared.net(offer)),
        "total": str(compared.total(offer)), "whole": compared.is_whole(offer), "uncovered": compared.uncovered(offer),
        "not_told": [each.item for each in compared.not_told(offer)],
        "best_month": least and {"starts_on": least[1], "net": str(least[0])},
        "worst_month": most and {"starts_on": most[1], "net": str(most[0])},
        "spread": str(most[0] - least[0]) if least and most else "0",
    }  # fmt: skip
