"""What comes late, or is corrected late, in whatever combination: invoices and differences make one clean bill."""

from __future__ import annotations

import itertools
import json
import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.periods import period_containing
from billing.rating import Bill
from billing.rating.verify import verify
from invoices import stepping
from invoices.books import broken
from invoices.closing import due, start_close
from invoices.drafting import draft_month
from invoices.evidence import bundle_of
from invoices.issuing import CannotIssue, stored_pdf
from invoices.models import Invoice, Settlement
from invoices.settling import let_settled_months_go
from tenants.contracts import NotInForce, end, sign
from tenants.models import Contract, ContractVersion, Tenant
from tests.conftest import NOW, TALK, call_of, issue_by_two
from usage.correcting import correct_call, void_call
from usage.formats import native
from usage.freezing import freeze
from usage.ingestion import Reporter, ingest_batch
from usage.models import RetentionPolicy, Source, UsageMonth
from usage.recounting import late_months, late_of
from usage.removing import let_go, removals_due

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = [period_containing(date(2026, month, 1)) for month in (7, 8, 9, 10)]
JULY, AUGUST, SEPTEMBER, OCTOBER = MONTHS
CALLS = {"code": "calls", "kind": "calls", "name": {"zh": "次", "en": "Calls"}, "price": "0.07", "tax": "0.13"}
TIERS = TALK | {
    "price": {
        "kind": "graduated",
        "tiers": [{"up_to": "5", "price": "0.19"}, {"up_to": "9", "price": "0.13"}, {"price": "0.07"}],
    }
}
NUMBER = itertools.count(1)


class Side:
    """A tenant with one contract, to which things happen."""

    def __init__(self, seller: Any, **policies: Any) -> None:
        code = f"t{next(NUMBER)}"
        self.tenant = Tenant.objects.create(seller=seller, code=code, name_zh="甲", name_en="A", zone="Asia/Shanghai")
        self.contract = Contract.objects.create(tenant=self.tenant, code=code, name_zh="合同", name_en="Contract")
        document = {
            "version": 1,
            "currency": "CNY",
            "tax": {"rate": "0.06"},
            "clauses": [TIERS, CALLS],
        }
        document |= policies.pop("longer", {}) | {"policies": policies}
        version = ContractVersion.objects.create(
            contract=self.contract, number=1, starts_on=date(2026, 1, 1), agreement=document
        )
        sign(version, by="test", reason="agreed", now=NOW)
        self.source = Source.objects.create(tenant=self.tenant, code="s", zone="Asia/Shanghai")
        self.reporter = Reporter(self.tenant.pk, self.tenant.zone, 1, keep_numbers=False, accept_days_back=900)

    def send(self, *records: dict[str, Any], now: datetime = NOW) -> None:
        decoded = native.decode(json.dumps(records).encode())
        assert ingest_batch(self.reporter, self.source, decoded, "native", now).count("accepted") == len(records)

    def again(self, record: dict[str, Any], now: datetime = NOW) -> None:
        decoded = native.decode(json.dumps([record]).encode())
        assert ingest_batch(self.reporter, self.source, decoded, "native", now).count("duplicate") == 1

    def correct(self, record: dict[str, Any]) -> None:
        (decoded,) = native.decode(json.dumps([record]).encode())
        assert decoded.record is not None
        correct_call(self.reporter, self.source, record["call_id"], decoded.record, reason="wrong", by="li", now=NOW)

    def void(self, call_id: str) -> None:
        void_call(self.tenant.pk, self.source.pk, call_id, reason="a test", by="li", now=NOW)

    def close(self, month: Any, minutes: int) -> Invoice:
        """Draft a month and freeze it, as a close does."""
        now = NOW + timedelta(minutes=minutes)
        draft = draft_month(self.contract, month, now)
        with transaction.atomic():
            assert freeze(self.tenant.pk, month.starts_on, drafted_at=now, now=now)
        return draft

    def invoice(self, month: Any, minutes: int) -> Invoice:
        now = NOW + timedelta(minutes=minutes)
        return issue_by_two(draft_month(self.contract, month, now).pk, now)


def call(number: int, month: Any, seconds: int) -> dict[str, Any]:
    start = datetime.combine(month.starts_on + timedelta(days=number % 20), datetime.min.time())
    at = lambda more: f"{(start + timedelta(hours=9, seconds=more)).isoformat()}+08:00"  # noqa: E731
    return call_of(number, started_at=at(0), answered_at=at(5), ended_at=at(5 + seconds))


def owed(side: Side, month: Any) -> tuple[Decimal, Decimal]:
    """Add up net and total of what all invoices say of one month, its own lines and what was settled later."""
    net = total = Decimal(0)
    for invoice in Invoice.objects.filter(contract=side.contract):
        bill = Bill.from_json(invoice.document["bill"])
        for row in bill.taxes:
            if (row.period or bill.period.label) == month.label:
                net, total = net + row.net, total + row.net + row.tax
        assert sum(line.amount for line in bill.lines) == bill.net == invoice.net
    return net, total


def clean(seller: Any, records: dict[int, dict[str, Any]], **policies: Any) -> list[tuple[Decimal, Decimal]]:
    side = Side(seller, **policies)
    side.send(*records.values())
    invoices = [side.invoice(month, minutes) for minutes, month in enumerate(MONTHS)]
    return [(each.net, each.total) for each in invoices]


ROLLED = {"late_calls": "roll_into_current", "late_limit": "0.50"}
NAME = {"zh": "季度", "en": "Quarter"}
# Of the quarter from July to September: what is committed is reached by late calls alone, the cap in its second month.
QUARTERLY = {
    "longer": {
        "commitments": [{"code": "least", "name": NAME, "amount": "4.00", "every": "quarter", "of": ["talk"]}],
        "caps": [{"code": "most", "name": NAME, "amount": "1.00", "every": "quarter", "of": ["calls"]}],
    }
}


@pytest.mark.parametrize("policies", [{}, ROLLED, QUARTERLY], ids=["difference", "roll_into_current", "quarterly"])
@pytest.mark.parametrize("seed", range(6))
def test_invoices_and_differences_make_one_clean_bill(seller: Any, seed: int, policies: dict[str, Any]) -> None:
    chance, side = random.Random(seed), Side(seller, **policies)
    records = {n: call(n, chance.choice([JULY, AUGUST]), chance.choice([20, 61, 200])) for n in range(1, 9)}
    side.send(*records.values())
    numbers = itertools.count(100)

    def disturb() -> None:
        for _ in range(chance.randint(1, 4)):
            what = chance.choice(["late", "void", "correct", "move", "back"])
            known = chance.choice(list(records)) if records else None
            if what == "late" or known is None:
                number = next(numbers)
                records[number] = call(number, chance.choice([JULY, AUGUST]), chance.choice([30, 90, 400]))
                side.send(records[number])
            elif what == "void":
                side.void(f"call-{known}")
                del records[known]
            else:
                month = chance.choice([JULY, AUGUST]) if what == "move" else None
                starts = date.fromisoformat(records[known]["started_at"][:10])
                records[known] = call(known, month or period_containing(starts), chance.choice([20, 61, 333]))
                side.correct(records[known])

    for minutes, month in enumerate([JULY, AUGUST, SEPTEMBER]):
        disturb()  # before the month is closed, in grace; after the one before is issued
        draft = side.close(month, minutes)
        disturb()  # frozen, and not issued yet
        issue_by_two(draft.pk, NOW + timedelta(minutes=minutes, seconds=1))
    disturb()
    side.invoice(OCTOBER, 9)
    assert [owed(side, month) for month in MONTHS] == clean(seller, records, **policies)
    assert Settlement.objects.filter(contract=side.contract).exists()


IN_GRACE, FROZEN, ISSUED = STAGES = range(3)
# What happens to a call first and when, what happens to it then and when: each combination happens to a call of its own.
WAYS = [
    (first, stage, then, later)
    for first, stage in itertools.product(("late", "correct", "move", "void"), STAGES)
    for then, later in itertools.product(("", "correct", "move", "back", "void"), STAGES)
    if later >= stage and (then or later == stage) and not (first == "void" and then)
]


@pytest.mark.parametrize("policies", [{}, ROLLED, QUARTERLY], ids=["difference", "roll_into_current", "quarterly"])
def test_every_way_of_coming_late_once_or_twice_makes_one_clean_bill(seller: Any, policies: dict[str, Any]) -> None:
    side = Side(seller, **policies)
    first_told = {number: call(number, JULY, 20 + 7 * number) for number in range(len(WAYS))}
    records = {number: told for number, told in first_told.items() if WAYS[number][0] != "late"}
    side.send(*records.values())
    seconds = itertools.count(301, 7)  # each correction says something new

    def change(number: int, what: str) -> None:
        again = {"correct": JULY, "move": AUGUST}.get(what)
        told = call(number, again, next(seconds)) if again else first_told[number]
        if what == "void":
            side.void(f"call-{number}")
            del records[number]
        elif records.get(number) != told:  # else it is back already
            (side.send if what == "late" else side.correct)(told)
            records[number] = told

    def happen(now: int) -> None:
        for number, (first, stage, then, later) in enumerate(WAYS):
            if stage == now:
                change(number, first)
            if later == now and then:
                change(number, then)

    happen(IN_GRACE)
    draft = side.close(JULY, 0)
    happen(FROZEN)
    issue_by_two(draft.pk, NOW + timedelta(seconds=1))
    happen(ISSUED)
    for minutes, month in enumerate([AUGUST, SEPTEMBER, OCTOBER], 1):
        side.invoice(month, minutes)
    assert [owed(side, month) for month in MONTHS] == clean(seller, records, **policies)


@pytest.mark.parametrize(
    ("late", "reached", "added"), [(0, "0.57", "3.43"), (30, "3.39", "0.61"), (60, "5.49", "0.00")]
)
def test_a_quarters_commitment_is_judged_by_the_whole_quarter(
    seller: Any, tmp_path: Path, late: int, reached: str, added: str
) -> None:
    side = Side(seller, longer={"commitments": QUARTERLY["longer"]["commitments"]})
    for minutes, month in enumerate([JULY, AUGUST, SEPTEMBER]):
        side.send(call(minutes, month, 60))
        side.invoice(month, minutes)
    side.send(*(call(number, JULY, 60) for number in range(100, 100 + late)))
    side.invoice(OCTOBER, 9)
    bills = [Bill.from_json(each.document["bill"]) for each in Invoice.objects.filter(contract=side.contract)]
    told = [line for bill in bills for line in bill.lines]
    assert str(sum(line.amount for line in told if line.code == "talk")) == reached
    assert str(sum(line.amount for line in told if line.code == "least")) == added
    assert [each for each in broken(NOW) if each.invariant != "I8"] == []
    for invoice in Invoice.objects.filter(contract=side.contract):
        bundle = tmp_path / f"{invoice.pk}.zip"
        bundle.write_bytes(b"".join(bundle_of(invoice, NOW)))
        assert verify(bundle).number == invoice.number


def test_a_draft_that_builds_on_a_month_is_outdated_when_that_month_is_drafted_anew(seller: Any) -> None:
    side = Side(seller, **QUARTERLY)
    side.send(call(1, JULY, 60))
    draft_month(side.contract, JULY, NOW)
    august = draft_month(side.contract, AUGUST, NOW)
    side.send(call(2, JULY, 60))
    draft_month(side.contract, JULY, NOW + timedelta(seconds=1))
    with pytest.raises(CannotIssue, match="draft it again"):
        issue_by_two(august.pk, NOW + timedelta(seconds=2))


def test_a_late_call_keeps_its_tier_and_its_month(seller: Any) -> None:
    side = Side(seller)
    side.send(*(call(n, JULY, 60) for n in range(5)))  # five minutes: the first tier is full
    side.invoice(JULY, 0)
    side.send(call(9, JULY, 60))
    lines = Bill.from_json(side.invoice(AUGUST, 1).document["bill"]).lines
    assert [(line.key, str(line.amount), line.period) for line in lines] == [
        ("2026-07/talk.tier-2", "0.13", "2026-07"),
        ("2026-07/calls", "0.07", "2026-07"),
    ]
    assert side.invoice(SEPTEMBER, 2).net == 0, "settled once"


def test_a_month_is_kept_until_its_late_calls_are_settled_and_then_removed(seller: Any) -> None:
    side, later = Side(seller), NOW + timedelta(days=400)
    side.tenant.accept_days_back = 60
    side.tenant.save()
    RetentionPolicy.objects.create(tenant=side.tenant, calls_months=6)
    side.send(call(1, JULY, 60))
    side.invoice(JULY, 0)
    side.send(call(2, JULY, 60))
    assert let_settled_months_go(later) == [], "the late call is not on any invoice yet"
    draft = draft_month(side.contract, AUGUST, NOW + timedelta(minutes=1))
    assert let_settled_months_go(later) == [], "a draft is no invoice"
    issue_by_two(draft.pk, NOW + timedelta(minutes=1))
    assert let_settled_months_go(NOW) == [], "its time has not come"
    assert [each.what for each in removals_due(later)] == []
    assert let_settled_months_go(later) == [(side.tenant.pk, JULY.starts_on)]
    assert [(each.period, each.what) for each in removals_due(later)] == [(JULY.starts_on, "calls")]


def test_a_late_call_that_comes_while_a_month_is_let_go_keeps_it(seller: Any) -> None:
    side, later = Side(seller), NOW + timedelta(days=400)
    RetentionPolicy.objects.create(tenant=side.tenant, calls_months=6)
    side.send(call(1, JULY, 60))
    side.invoice(JULY, 0)
    side.send(call(2, JULY, 60))
    side.invoice(AUGUST, 1)
    known = late_of(side.tenant.pk, JULY.starts_on)
    side.send(call(3, JULY, 60))
    assert not let_go(side.tenant.pk, JULY.starts_on, known)
    assert let_settled_months_go(later) == []
    side.invoice(SEPTEMBER, 2)
    assert late_months([side.tenant.pk]) == [(side.tenant.pk, JULY.starts_on)]


def test_late_calls_of_a_month_without_an_invoice_keep_it(seller: Any) -> None:
    side, later = Side(seller), NOW + timedelta(days=400)
    side.tenant.accept_days_back = 60
    side.tenant.save()
    RetentionPolicy.objects.create(tenant=side.tenant, calls_months=6)
    side.send(call(1, JULY, 60))
    UsageMonth.objects.update(state="frozen", stale_since=None)
    side.send(call(2, JULY, 60))
    assert let_settled_months_go(later) == []


@pytest.mark.parametrize(
    ("late", "keys"),
    [(1, ["2026-07/late.0.13", "2026-07/late.0.06"]), (4, ["2026-07/talk.tier-2", "2026-07/calls"])],
    ids=["below the limit", "not below it"],
)
def test_below_the_limit_late_calls_are_one_line_a_tax_rate(seller: Any, late: int, keys: list[str]) -> None:
    side = Side(seller, **ROLLED)
    side.send(*(call(n, JULY, 60) for n in range(5)))
    side.invoice(JULY, 0)
    side.send(*(call(10 + n, JULY, 60) for n in range(late)))
    invoice = side.invoice(AUGUST, 1)
    bill = Bill.from_json(invoice.document["bill"])
    assert [line.key for line in bill.lines] == keys
    assert sum(line.amount for line in bill.lines) == late * Decimal("0.20") == bill.net
    assert all(line.period == "2026-07" for line in bill.lines)
    assert invoice.document["explanations"][keys[0]]["zh"]
    assert Bill.from_json(side.invoice(SEPTEMBER, 2).document["bill"]).lines == (), "settled once"


def test_what_comes_late_for_a_contract_that_has_ended_is_settled_by_a_last_invoice(seller: Any, tmp_path: Any) -> None:
    side = Side(seller)
    side.send(*(call(n, JULY, 60) for n in range(5)))
    side.invoice(JULY, 0)
    end(side.contract, date(2026, 8, 1), by="li", reason="given up", now=NOW)
    side.contract.refresh_from_db()
    with pytest.raises(NotInForce):
        side.invoice(AUGUST, 1)
    side.send(call(9, JULY, 60), call(10, AUGUST, 60))  # the second is nobody's: the contract had ended
    assert [each.contract.pk for each in due(seller, AUGUST.starts_on, NOW)] == [side.contract.pk]
    run = start_close(seller, AUGUST.starts_on, by="li", now=NOW)
    while held := stepping.claim(NOW, run.pk):
        stepping.work(held)
    step = run.steps.get()
    assert (step.state, [each.code for each in step.findings.all()]) == ("ready", [])
    assert not list(due(seller, SEPTEMBER.starts_on, NOW)), "one draft carries it"
    invoice = issue_by_two(step.invoice_id, NOW)
    lines = Bill.from_json(invoice.document["bill"]).lines
    assert [(line.key, str(line.amount)) for line in lines] == [
        ("2026-07/talk.tier-2", "0.13"),
        ("2026-07/calls", "0.07"),
    ]
    assert not list(due(seller, SEPTEMBER.starts_on, NOW)), "settled once"
    assert [each for each in broken(NOW) if each.invariant != "I8"] == []
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(b"".join(bundle_of(invoice, NOW)))
    assert verify(bundle).number == invoice.number
    assert stored_pdf(invoice, NOW).content


def test_two_drafts_that_settle_the_same_calls_are_not_both_issued(seller: Any) -> None:
    side = Side(seller)
    side.send(call(1, JULY, 60))
    side.invoice(JULY, 0)
    side.send(call(2, JULY, 60))
    august, september = (draft_month(side.contract, month, NOW) for month in (AUGUST, SEPTEMBER))
    issue_by_two(august.pk)
    with pytest.raises(CannotIssue) as refusal:
        issue_by_two(september.pk)
    assert refusal.value.code == "settled_meanwhile"
    assert side.invoice(SEPTEMBER, 1).net == 0


@pytest.mark.parametrize("statement", ["UPDATE invoices_settlement SET net = 0", "DELETE FROM invoices_settlement"])
def test_the_database_refuses_to_change_what_an_invoice_settled(seller: Any, statement: str) -> None:
    side = Side(seller)
    side.send(call(1, JULY, 60))
    side.invoice(JULY, 0)
    side.send(call(2, JULY, 60))
    side.invoice(AUGUST, 1)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
