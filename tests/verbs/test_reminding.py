"""Reminders before and after the due day, and mails sent again because a person says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.db import connection

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.mailing import CannotSend, deliver, send_again
from invoices.models import Delivery, Invoice
from invoices.paying import record_payment
from invoices.reminding import level_on, owe_reminders
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.conftest import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    """An invoice of 0.32 due on 8 December."""
    post(call_of(1))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


def on(day: int, month: int = 12) -> datetime:
    return NOW.replace(month=month, day=day)


def reminders() -> list[str]:
    kinds = Delivery.objects.filter(kind__startswith="reminder-").order_by("pk")
    return list(kinds.values_list("kind", flat=True))


@pytest.mark.parametrize(("day", "level"), [(4, 0), (5, 1), (10, 1), (11, 2), (21, 2), (22, 3), (31, 3)])
def test_a_level_is_reached_on_its_day(day: int, level: int) -> None:
    assert level_on(date(2026, 12, day), date(2026, 12, 8), [-3, 3, 14]) == level


def test_each_level_is_owed_once(invoice: Invoice) -> None:
    assert [owe_reminders(on(day)) for day in (4, 5, 6, 11, 11, 22, 31)] == [0, 1, 0, 1, 0, 1, 0]
    assert reminders() == ["reminder-1", "reminder-2", "reminder-3"]
    assert list(invoice.events.filter(what="reminded").values_list("reason", flat=True)) == ["1", "2", "3"]


def test_after_days_without_a_run_only_the_latest_is_sent(invoice: Invoice) -> None:
    assert owe_reminders(on(30)) == 1
    assert owe_reminders(on(31)) == 0
    assert reminders() == ["reminder-3"]


def test_eight_runs_at_once_remind_once(invoice: Invoice) -> None:
    def run(_: int) -> None:
        try:
            owe_reminders(on(11))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert reminders() == ["reminder-2"]
    assert invoice.events.filter(what="reminded").count() == 1


def test_a_tenant_may_be_spared_and_a_seller_may_not_remind(invoice: Invoice) -> None:
    tenant, seller = invoice.tenant, invoice.seller
    tenant.gets_reminders = False
    tenant.save()
    assert owe_reminders(on(31)) == 0
    tenant.gets_reminders, seller.reminder_days = True, []
    tenant.save(), seller.save()
    assert owe_reminders(on(31)) == 0


def test_the_mail_says_what_is_still_open_and_since_when(smtp: Server, invoice: Invoice) -> None:
    Delivery.objects.all().delete()
    record_payment(invoice.tenant_id, Decimal("0.12"), currency="CNY", by="li", now=NOW)
    owe_reminders(on(11))
    assert deliver(Delivery.objects.get().pk, on(11)) == "sent"
    message = message_from_bytes(smtp.accepted[0], policy=default)
    assert message["Subject"] == "Reminder 2 from Huadan Ltd.: invoice HD-2026-000001, CNY 0.20, overdue by 3 days"
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Invoice HD-2026-000001 was due on 8 December 2026, 3 days ago" in text
    assert "Still to be paid  CNY 0.20" in text
    assert [part.get_filename() for part in message.iter_attachments()] == ["HD-2026-000001.pdf"]


def test_what_is_paid_meanwhile_is_not_reminded_of(smtp: Server, invoice: Invoice) -> None:
    owe_reminders(on(11))
    record_payment(invoice.tenant_id, invoice.total, currency="CNY", by="li", now=NOW)
    assert deliver(Delivery.objects.get(kind="reminder-2").pk, on(11)) == "dropped"
    assert smtp.accepted == []
    assert owe_reminders(on(31)) == 0


def test_what_is_unknown_is_sent_again_with_the_same_message_id(smtp: Server, invoice: Invoice) -> None:
    delivery = Delivery.objects.get()
    smtp.answers = ["drop", "250 OK"]
    assert deliver(delivery.pk, NOW) == "unknown"
    again = send_again(delivery.pk, reason="The tenant asked for it.", by="li", now=NOW)
    assert again.pk == delivery.pk
    assert deliver(delivery.pk, NOW) == "sent"
    assert delivery.message_id.encode() in smtp.accepted[0]
    assert invoice.events.last().reason == "finance@north.example: The tenant asked for it."  # type: ignore[union-attr]


def test_what_was_sent_is_sent_again_as_a_copy(smtp: Server, invoice: Invoice) -> None:
    delivery = Delivery.objects.get()
    deliver(delivery.pk, NOW)
    for number in (1, 2):
        again = send_again(delivery.pk, reason="Lost.", by="li", now=NOW)
        assert (again.kind, deliver(again.pk, NOW)) == (f"copy-{number}", "sent")
    assert len({message_from_bytes(each)["Message-ID"] for each in smtp.accepted}) == 3


def test_what_waits_is_not_sent_again_and_a_reason_is_needed(invoice: Invoice) -> None:
    delivery = Delivery.objects.get()
    with pytest.raises(CannotSend) as refused:
        send_again(delivery.pk, reason="Quickly.", by="li", now=NOW)
    assert refused.value.code == "waits"
    with pytest.raises(CannotSend) as refused:
        send_again(delivery.pk, reason=" ", by="li", now=NOW + timedelta(days=1))
    assert refused.value.code == "reason_needed"
