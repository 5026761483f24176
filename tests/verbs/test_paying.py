"""Payments: recorded once, allocated within what is open, taken back by counter entries; the books balance throughout."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import Refused
from billing.periods import period_containing
from invoices.ageing import statement
from invoices.books import broken
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.ledger import PaidBack, post
from invoices.links import page_link
from invoices.models import CreditNote, Invoice, LedgerEntry, LedgerSide, Payment, Receivable, WriteOff
from invoices.paying import CannotPay, allocate, record_payment, reverse_payment, set_off, take_back, undo_set_off
from invoices.refunding import CannotRefund, credit_of, decide_refund, request_refund
from invoices.writing_off import CannotWriteOff, decide_write_off, request_write_off
from tenants.models import Tenant
from tests.conftest import NOW, call_of, issue_bare, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = date(2026, 11, 23)


def state_of(invoice: Invoice) -> str:
    return Receivable.objects.get(invoice=invoice).state(TODAY)


def pay(invoice: Invoice, amount: str, **more: Any) -> Payment:
    return record_payment(invoice.tenant_id, Decimal(amount), currency="CNY", by="li", now=NOW, **more)


def balance(tenant_id: int) -> Decimal:
    sides = LedgerSide.objects.filter(account="receivable", entry__tenant_id=tenant_id)
    return sum((side.amount for side in sides), Decimal(0))


def credit(invoice: Invoice, total: Decimal) -> None:
    """Issue a credit note of a total, which has the sign other than its invoice's."""
    told = {field.attname: getattr(invoice, field.attname) for field in Invoice._meta.fields}
    changed = {
        "id": None, "kind": "credit_note", "credits_id": invoice.pk, "state": "draft", "number": None, "issued_at": None,
        "issued_by": "", "requested_by": "", "net": total, "tax": 0, "total": total, "due_on": None,
    }  # fmt: skip
    note = Invoice(**told | changed)
    note.save(force_insert=True)
    issue_bare(note, f"C-{note.pk}")


def well() -> bool:
    return [each for each in broken(NOW) if each.invariant in {"I9", "I11"}] == []


def test_an_invoice_is_posted_as_it_is_issued_and_so_is_its_credit_note(contract: Any, post: Any) -> None:
    post(call_of(1), call_of(2))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    sides = LedgerSide.objects.filter(entry__document=invoice).values_list("account", "invoice", "amount")
    assert set(sides) == {
        ("receivable", invoice.pk, Decimal("0.53")), ("revenue", None, Decimal("-0.50")), ("tax", None, Decimal("-0.03"))
    }  # fmt: skip
    assert (state_of(invoice), balance(invoice.tenant_id)) == ("open", Decimal("0.53"))
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)
    decide(asked.pk, approve=True, by="chen", now=NOW)
    assert (state_of(invoice), balance(invoice.tenant_id)) == ("credited", 0)
    assert well()


def test_the_oldest_due_is_paid_first_and_what_is_too_much_stays_on_account(bill: Any) -> None:
    late, soon, old = bill("100", 30), bill("50", 3), bill("70", -5)
    assert [state_of(each) for each in (late, soon, old)] == ["open", "open", "overdue"]
    first = pay(late, "90")
    assert [state_of(each) for each in (late, soon, old)] == ["open", "part_paid", "paid"]
    second = pay(late, "150")
    assert [state_of(each) for each in (late, soon, old)] == ["paid", "paid", "paid"]
    assert (first.rest, second.rest, balance(late.tenant_id)) == (0, 20, -20)
    assert well()


def test_a_payment_pays_the_invoices_it_is_told_to(bill: Any) -> None:
    old, new = bill("70", -5), bill("100")
    payment = pay(old, "100", allocate_to={new.pk: Decimal(60)})
    assert (state_of(old), state_of(new), payment.rest) == ("overdue", "part_paid", 40)
    allocate(payment.pk, {old.pk: Decimal(40)}, by="li", now=NOW)
    assert Receivable.objects.get(invoice=old).open == 30
    take_back(payment.pk, new, reason="Meant for the other", by="li", now=NOW)
    assert (state_of(new), Payment.objects.get().rest) == ("open", 60)
    assert well()


@pytest.mark.parametrize(
    ("amount", "more", "code"),
    [
        ("0", {}, "wrong_amount"),
        ("-5", {}, "wrong_amount"),
        ("0.001", {}, "wrong_amount"),
        ("NaN", {}, "wrong_amount"),
        ("1e30", {}, "wrong_amount"),
        ("10", {"on": date(2026, 11, 24)}, "day_to_come"),
        ("10", {"allocate_to": {1: Decimal(5), 2: Decimal(6)}}, "more_than_paid"),
        ("10", {"allocate_to": {0: Decimal(5)}}, "more_than_open"),
        ("1", {"currency": "XXX"}, "unknown_currency"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_recorded(bill: Any, amount: str, more: Any, code: str) -> None:
    invoice = bill("7")
    with pytest.raises(Refused) as refusal:
        record_payment(invoice.tenant_id, Decimal(amount), **{"currency": "CNY", "by": "li", "now": NOW} | more)
    assert refusal.value.code == code
    assert not Payment.objects.exists()


def test_a_bank_reference_counts_once_until_the_payment_is_reversed(bill: Any) -> None:
    invoice = bill("70")
    first = pay(invoice, "70", reference="20261120-7")
    with pytest.raises(CannotPay, match="recorded already"):
        pay(invoice, "70", reference="20261120-7")
    reverse_payment(first.pk, reason="The cheque bounced", by="li", now=NOW)
    assert (state_of(invoice), balance(invoice.tenant_id)) == ("open", 70)
    with pytest.raises(CannotPay, match="reversed already"):
        reverse_payment(first.pk, reason="again", by="li", now=NOW)
    with pytest.raises(CannotPay):
        allocate(first.pk, {invoice.pk: Decimal(1)}, by="li", now=NOW)
    assert pay(invoice, "70", reference="20261120-7").rest == 0
    assert well()


def test_a_credit_note_on_a_paid_invoice_leaves_the_money_on_account(contract: Any, post: Any) -> None:
    post(call_of(1), call_of(2))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    pay(invoice, "0.30")
    pay(invoice, "0.23")
    asked = request_credit(invoice, {"talk.tier-1": Decimal("0.10")}, reason="Wrong", by="li", now=NOW)
    note = decide(asked.pk, approve=True, by="chen", now=NOW).credit_note
    assert isinstance(note, CreditNote)
    assert state_of(invoice) == "paid"
    assert sorted(Payment.objects.values_list("amount", "rest")) == [
        (Decimal("0.23"), -note.total), (Decimal("0.30"), Decimal(0))
    ]  # fmt: skip
    assert well()


def test_a_write_off_takes_two_people_and_a_credit_note_takes_it_back(contract: Any, post: Any) -> None:
    post(call_of(1), call_of(2))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    pay(invoice, "0.20")
    asked = request_write_off(invoice, None, reason="Insolvent", by="li", now=NOW)
    for by, code in (("li", "four_eyes"), ("", "four_eyes")):
        with pytest.raises(CannotWriteOff) as refusal:
            decide_write_off(asked.pk, approve=True, by=by, now=NOW)
        assert refusal.value.code == code
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_writeoff SET approved = true, decided_by = 'li', decided_at = now()")
    assert state_of(invoice) == "part_paid"
    decide_write_off(asked.pk, approve=True, by="chen", now=NOW)
    assert (state_of(invoice), balance(invoice.tenant_id)) == ("written_off", 0)
    assert well()
    decide(
        request_credit(invoice, None, reason="Agreed", by="li", now=NOW).pk, approve=True, by="chen", now=NOW
    )  # fmt: skip
    assert (state_of(invoice), balance(invoice.tenant_id), Payment.objects.get().rest) == (
        "credited", Decimal("-0.20"), Decimal("0.20"),
    )  # fmt: skip
    assert well()


def test_a_write_off_is_refused_when_less_is_open(bill: Any) -> None:
    invoice = bill("70")
    for amount, reason, code in (
        (Decimal(71), "x", "more_than_open"),
        (Decimal(0), "x", "more_than_open"),
        (None, " ", "reason_needed"),
    ):
        with pytest.raises(CannotWriteOff) as refusal:
            request_write_off(invoice, amount, reason=reason, by="li", now=NOW)
        assert refusal.value.code == code
    asked = request_write_off(invoice, None, reason="x", by="li", now=NOW)
    with pytest.raises(CannotWriteOff, match="waits"):
        request_write_off(invoice, None, reason="x", by="li", now=NOW)
    pay(invoice, "1")
    with pytest.raises(CannotWriteOff, match="Less is open"):
        decide_write_off(asked.pk, approve=True, by="chen", now=NOW)
    assert WriteOff.objects.get().approved is None
    decide_write_off(asked.pk, approve=False, by="chen", now=NOW)
    with pytest.raises(CannotWriteOff, match="decided"):
        decide_write_off(asked.pk, approve=True, by="chen", now=NOW)


def test_an_invoice_in_the_tenants_favour_pays_others(bill: Any) -> None:
    owed, favour = bill("70"), bill("-30")
    assert state_of(favour) == "in_favour"
    with pytest.raises(CannotPay):
        set_off(favour, {owed.pk: Decimal(31)}, by="li", now=NOW)
    set_off(favour, {owed.pk: Decimal(30)}, by="li", now=NOW)
    assert (state_of(favour), Receivable.objects.get(invoice=owed).open) == ("paid", 40)
    assert well()


@pytest.mark.parametrize(
    ("credited", "still_paid", "state"), [("5", "20", "in_favour"), ("10", "20", "paid"), ("30", "0", "credited")]
)
def test_crediting_what_was_set_off_opens_what_it_paid(bill: Any, credited: str, still_paid: str, state: str) -> None:
    first, last, favour = bill("15"), bill("70"), bill("-30")
    set_off(favour, {first.pk: Decimal(15), last.pk: Decimal(5)}, by="li", now=NOW)
    credit(favour, Decimal(credited))
    opened = dict(Receivable.objects.values_list("invoice", "open"))
    assert opened[first.pk] + opened[last.pk] == 85 - Decimal(still_paid)
    assert (state_of(favour), balance(first.tenant_id)) == (state, 55 + Decimal(credited))
    assert well()


def test_crediting_what_was_paid_by_a_set_off_gives_the_favour_back(bill: Any) -> None:
    owed, favour = bill("70"), bill("-30")
    set_off(favour, {owed.pk: Decimal(30)}, by="li", now=NOW)
    credit(owed, Decimal(-70))
    assert (state_of(owed), Receivable.objects.get(invoice=favour).open) == ("credited", -30)
    assert well()


def test_what_stands_in_the_tenants_favour_is_paid_back_by_two(bill: Any) -> None:
    favour = bill("-30")
    payment = pay(favour, "20", reference="in")
    asked = request_refund(favour.tenant_id, Decimal(45), currency="CNY", reason="Contract ended", by="li", now=NOW)
    for by, reference, code in (("li", "r-1", "four_eyes"), ("chen", " ", "reference_needed")):
        with pytest.raises(CannotRefund) as refusal:
            decide_refund(asked.pk, approve=True, reference=reference, by=by, now=NOW)
        assert refusal.value.code == code
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoices_refund SET approved = true, decided_by = 'li', decided_at = now(), reference = 'x'"
        )
    decide_refund(asked.pk, approve=True, reference="r-1", by="chen", now=NOW)
    payment.refresh_from_db()
    assert (payment.rest, Receivable.objects.get(invoice=favour).open) == (0, -5)
    assert (balance(favour.tenant_id), credit_of(favour.tenant_id, "CNY")) == (-5, 5)
    drawn = statement(favour.tenant, "CNY", TODAY, date(2027, 1, 1))
    assert [(row.kind, row.name, row.amount) for row in drawn.rows][-2:] == [
        ("refunded", "r-1", 20),
        ("refunded", "r-1", 25),
    ]
    assert well()
    with pytest.raises(CannotPay, match="paid back"):
        reverse_payment(payment.pk, reason="x", by="li", now=NOW)
    with pytest.raises(PaidBack, match="credit less"):
        credit(favour, Decimal(6))
    credit(favour, Decimal(5))
    assert credit_of(favour.tenant_id, "CNY") == 0
    assert well()
    tamper = "UPDATE invoices_refund SET amount = 1"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(tamper)


@pytest.mark.parametrize(
    ("amount", "reason", "code"),
    [
        ("0", "x", "more_than_credit"),
        ("21", "x", "more_than_credit"),
        ("0.001", "x", "more_than_credit"),
        ("NaN", "x", "more_than_credit"),
        ("5", " ", "reason_needed"),
    ],
)
def test_a_refund_is_refused_beyond_the_credit_or_without_a_reason(
    bill: Any, amount: str, reason: str, code: str
) -> None:
    owed = bill("1")
    pay(owed, "20", allocate_to={})
    with pytest.raises(CannotRefund) as refusal:
        request_refund(owed.tenant_id, Decimal(amount), currency="CNY", reason=reason, by="li", now=NOW)
    assert refusal.value.code == code


def test_a_refund_waits_for_one_decision_and_what_is_spent_meanwhile_is_not_paid_back(bill: Any) -> None:
    owed = bill("15")
    payment = pay(owed, "20", allocate_to={})
    asked = request_refund(owed.tenant_id, Decimal(20), currency="CNY", reason="x", by="li", now=NOW)
    with pytest.raises(CannotRefund, match="waits"):
        request_refund(owed.tenant_id, Decimal(1), currency="CNY", reason="x", by="li", now=NOW)
    allocate(payment.pk, {owed.pk: Decimal(15)}, by="li", now=NOW)
    with pytest.raises(CannotRefund, match="Less stands"):
        decide_refund(asked.pk, approve=True, reference="r-1", by="chen", now=NOW)
    decide_refund(asked.pk, approve=False, by="chen", now=NOW)
    with pytest.raises(CannotRefund, match="decided"):
        decide_refund(asked.pk, approve=True, reference="r-1", by="chen", now=NOW)
    assert well()


def test_eight_approvals_at_once_pay_back_once(bill: Any) -> None:
    pay(bill("1"), "20", allocate_to={})
    tenant_id = Tenant.objects.get().pk
    asked = request_refund(tenant_id, Decimal(20), currency="CNY", reason="x", by="li", now=NOW)

    def work(number: int) -> str:
        try:
            decide_refund(asked.pk, approve=True, reference=f"r-{number}", by="chen", now=NOW)
        except CannotRefund as refusal:
            return refusal.code
        finally:
            connection.close()
        return "paid"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == ["decided"] * 7 + ["paid"]
    assert well()


def test_a_set_off_is_taken_back_with_a_reason(bill: Any) -> None:
    owed, favour = bill("70"), bill("-30")
    set_off(favour, {owed.pk: Decimal(30)}, by="li", now=NOW)
    with pytest.raises(CannotPay, match="Say why"):
        undo_set_off(favour, owed, reason=" ", by="li", now=NOW)
    undo_set_off(favour, owed, reason="Wrong invoice", by="li", now=NOW)
    assert (Receivable.objects.get(invoice=owed).open, Receivable.objects.get(invoice=favour).open) == (70, -30)
    with pytest.raises(CannotPay, match="Nothing was set off"):
        undo_set_off(favour, owed, reason="again", by="li", now=NOW)
    assert well()


def test_eight_payments_at_once_never_overallocate(bill: Any) -> None:
    invoice = bill("100")

    def work(number: int) -> str:
        try:
            named = {"allocate_to": {invoice.pk: Decimal(60)}} if number % 2 else {}
            pay(invoice, "60", reference=f"r-{number}", **named)
        except CannotPay as refusal:
            return refusal.code
        finally:
            connection.close()
        return "recorded"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    receivable = Receivable.objects.get()
    assert (receivable.settled, receivable.open) == (100, 0)
    recorded = answers.count("recorded")
    assert set(answers) <= {"recorded", "more_than_open"}
    assert sum(Payment.objects.values_list("rest", flat=True)) == 60 * recorded - 100
    assert well()


def test_the_same_reference_eight_times_at_once_is_one_payment(bill: Any) -> None:
    invoice = bill("100")

    def work(_number: int) -> str:
        try:
            pay(invoice, "60", reference="same")
        except CannotPay as refusal:
            return refusal.code
        finally:
            connection.close()
        return "recorded"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == ["recorded"] + ["recorded_already"] * 7
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_ledgerside SET amount = amount + 1",
        "DELETE FROM invoices_ledgerentry",
        "UPDATE invoices_receivable SET settled = 0",
        "DELETE FROM invoices_receivable",
        "UPDATE invoices_payment SET rest = 5",
        "DELETE FROM invoices_payment",
        "INSERT INTO invoices_ledgerside (entry_id, account, amount) SELECT id, 'revenue', 5 FROM invoices_ledgerentry LIMIT 1",
    ],
)
def test_the_database_refuses_whoever_changes_the_books(bill: Any, statement: str) -> None:
    pay(bill("70"), "30")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert well()


def test_the_database_refuses_an_entry_beyond_what_is_open_or_of_another_tenant(bill: Any, seller: Any) -> None:
    invoice = bill("70")
    other = Tenant.objects.create(seller=seller, code="other", name_zh="他", name_en="Other", zone="UTC")
    for tenant_id, amount in ((invoice.tenant_id, Decimal(71)), (other.pk, Decimal(5))):
        sides = [("bank", None, amount), ("receivable", invoice, -amount)]
        with pytest.raises(IntegrityError), transaction.atomic():
            post(tenant_id, "CNY", LedgerEntry.ALLOCATED, sides, on=TODAY, by="li", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        post(invoice.tenant_id, "CNY", LedgerEntry.ALLOCATED, [("bank", None, Decimal(5))], on=TODAY, by="li", now=NOW)


def test_what_was_issued_before_the_ledger_is_posted_by_the_migration(contract: Any, post: Any) -> None:
    post(call_of(1), call_of(2))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    asked = request_credit(invoice, {"talk.tier-1": Decimal("0.10")}, reason="Wrong", by="li", now=NOW)
    decide(asked.pk, approve=True, by="chen", now=NOW)
    before = list(LedgerSide.objects.order_by("entry", "account").values_list("account", "invoice", "amount"))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE invoices_ledgerside, invoices_ledgerentry, invoices_receivable")
    assert not well()
    migration = importlib.import_module("invoices.migrations.0010_post_what_was_issued_before")
    with connection.schema_editor() as editor:
        migration.post_issued(apps, editor)
    assert list(LedgerSide.objects.order_by("entry", "account").values_list("account", "invoice", "amount")) == before
    assert well()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pay", "bill", "allocate", "take back", "reverse", "write off", "set off", "credit", "pay back"]
        ),
        st.integers(0, 9),
        st.decimals("0.01", "150", places=2),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_whatever_is_done_in_whatever_order_the_books_balance(bill: Any, tenant: Tenant, actions: Any) -> None:
    with transaction.atomic():  # undone after each example
        for action, number, amount in actions:
            try:
                with transaction.atomic():
                    _do(action, number, amount, bill, tenant)
            except Refused:
                continue
        assert well()
        rests = sum(Payment.objects.values_list("rest", flat=True), Decimal(0))
        opened = sum(Receivable.objects.values_list("open", flat=True), Decimal(0))
        assert balance(tenant.pk) == opened - rests
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def _credit_some(invoice: Invoice, amount: Decimal) -> None:
    left = -sum(CreditNote.objects.filter(credits=invoice).values_list("net", flat=True), invoice.net)
    if left:
        credit(invoice, min(abs(left), amount).copy_sign(left))


def _do(action: str, number: int, amount: Decimal, bill: Any, tenant: Tenant) -> None:
    invoices = list(Invoice.objects.filter(state="issued").order_by("pk"))
    payments = list(Payment.objects.order_by("pk"))
    if action == "bill":
        bill(str(amount if number else -amount), number)
    if action == "pay":
        record_payment(tenant.pk, amount, currency="CNY", by="li", now=NOW)
    if not invoices:
        return
    invoice = invoices[number % len(invoices)]
    if action == "write off":
        asked = request_write_off(invoice, amount, reason="x", by="li", now=NOW)
        decide_write_off(asked.pk, approve=True, by="chen", now=NOW)
    if action == "set off" and invoice.total < 0:
        set_off(invoice, {invoices[0].pk: amount}, by="li", now=NOW)
    if action == "pay back":
        asked = request_refund(tenant.pk, amount, currency="CNY", reason="x", by="li", now=NOW)
        decide_refund(asked.pk, approve=True, reference=f"r-{asked.pk}", by="chen", now=NOW)
    if action == "credit":
        _credit_some(invoice, amount)
    if payments:
        _do_with(payments[number % len(payments)], action, invoice, amount)


def _do_with(payment: Payment, action: str, invoice: Invoice, amount: Decimal) -> None:
    if action == "allocate":
        allocate(payment.pk, {invoice.pk: amount}, by="li", now=NOW)
    if action == "take back":
        take_back(payment.pk, invoice, reason="x", by="li", now=NOW)
    if action == "reverse":
        reverse_payment(payment.pk, reason="x", by="li", now=NOW)


def test_the_hosted_page_says_what_is_paid_and_what_is_open(contract: Any, post: Any, client: Client) -> None:
    post(call_of(1))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    address = urlsplit(page_link(invoice)).path

    def notice(day: int) -> str:
        with time_machine.travel(NOW.replace(month=12, day=day), tick=False):
            page = client.get(address, {"language": "en"}).content.decode()
        return page.partition('role="status">')[2].partition("<")[0]

    assert notice(1) == ""
    assert notice(9) == "Overdue; still to be paid: CNY 0.32."
    pay(invoice, "0.12")
    assert notice(1) == "Paid in part; still to be paid: CNY 0.20."
    pay(invoice, "0.20")
    assert notice(9) == "This invoice is paid in full."
