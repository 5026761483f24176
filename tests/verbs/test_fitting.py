"""A fit report's figures are known by arithmetic, its savings by rating again; it is kept once, shown alike, and may be declined."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from time_machine import travel

from billing.periods import period_containing
from invoices import fitting
from invoices.drafting import draft_month
from invoices.links import fit_link, token_of
from invoices.mailing import deliver
from invoices.models import FitReport, Invoice
from invoices.tasks import keep_fit_reports
from tenants.models import Contract, Tenant
from tenants.subscribing import change_subscription
from tests.conftest import NOW, issue_by_two
from tests.verbs.conftest import Server
from tests.verbs.test_comparing import deliver as deliver_calls
from usage.formats.record import CallRecord
from usage.models import Source

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))
NAME = {"zh": "甲", "en": "A"}
MINUTES: dict[str, Any] = {"code": "talk", "kind": "duration", "name": NAME, "price": "0.60"}


def calls(number: int, seconds: int | None, *, day: int = 8, hour: int = 10, **more: Any) -> list[CallRecord]:
    """Make calls of so many seconds of talk at a local hour of Shanghai; None is not answered."""
    begun = datetime(2026, 10, day, hour - 8, tzinfo=UTC)
    return [
        CallRecord(
            call_id=f"{day}-{hour}-{seconds}-{n}", direction="outbound", started_at=begun,
            answered_at=None if seconds is None else begun, ended_at=begun + timedelta(seconds=seconds or 0), **more,
        )
        for n in range(number)
    ]  # fmt: skip


@pytest.fixture
def found(make_contract: Callable[..., Contract], source: Source) -> Callable[..., dict[str, Any]]:
    """Issue October under clauses with calls; give the report's findings by code."""

    def reckon(*clauses: dict[str, Any], used: list[CallRecord], held: str = "", **agreement: Any) -> dict[str, Any]:
        contract = make_contract(*clauses, **agreement)
        if held:
            change_subscription(contract, held, Decimal(1), on=date(2026, 10, 1), by="wang", reason="asked", now=NOW)
        deliver_calls(contract.tenant, *used)
        invoice = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
        return {each["code"]: each for each in fitting.report_of(invoice)["findings"]}

    return reckon


def test_rounding_and_what_six_seconds_would_save_are_rated_again(found: Any) -> None:
    told = found(MINUTES, used=calls(10, 61))["rounding"]
    assert told["figures"] == {"talked": "10.17", "billed": "20.00", "more": "9.83", "amount": "5.90"}  # 12.00 - 6.10
    assert told["saving"] == "5.40"  # 66 s each: 11 min, 6.60
    assert told["text"]["en"] == "10.17 min were talked and 20 min billed: 9.83 min more, which came to CNY 5.90."
    assert told["saves"]["zh"] == "按 6 秒计费本可节省 ¥5.40。"


def test_where_a_commitment_is_owed_anyway_finer_increments_save_nothing(found: Any) -> None:
    least = [{"code": "least", "name": NAME, "amount": "100"}]
    told = found(MINUTES, used=calls(10, 61), commitments=least)
    assert told["rounding_fine"]["saving"] is None
    assert told["rounding_fine"]["figures"]["amount"] == "0.00"


def test_a_module_paid_and_not_used_is_named_with_what_the_bill_is_without_it(found: Any) -> None:
    module = {"code": "kb", "kind": "module", "name": NAME, "item": "knowledge", "price": "500"}
    told = found(MINUTES, module, used=calls(1, 60), held="knowledge")
    assert (told["module_unused"]["figures"]["amount"], told["module_unused"]["saving"]) == ("500.00", "500.00")


def test_a_module_that_calls_used_is_not_called_unused(found: Any) -> None:
    module = {"code": "kb", "kind": "module", "name": NAME, "item": "knowledge", "price": "500"}
    told = found(MINUTES, module, used=calls(2, 60, modules=("knowledge",)), held="knowledge")
    assert "module_unused" not in told
    assert told["module_used"]["figures"]["calls"] == 2


def test_the_peak_is_a_share_and_a_fifth_of_it_moved_saves_the_difference_of_prices(found: Any) -> None:
    bands = [
        {"code": "peak", "name": NAME, "rules": [{"start": "09:00", "end": "18:00"}], "priority": 1},
        {"code": "night", "name": NAME, "rules": [{}]},
    ]
    dear = MINUTES | {"code": "day", "price": "1.00", "select": {"band": ["peak"]}}
    cheap = MINUTES | {"code": "night", "price": "0.40", "select": {"band": ["night"]}}
    told = found(dear, cheap, used=[*calls(30, 60), *calls(10, 60, hour=20)], bands=bands)["peak"]
    assert told["figures"] == {"share": "0.7500", "used": "30.00", "unit": "minute"}
    assert told["saving"] == "3.60"  # six of thirty minutes at 0.60 less


def test_short_and_unanswered_calls_come_to_what_they_are_charged(found: Any) -> None:
    tried = {"code": "tries", "kind": "calls", "name": NAME, "price": "0.05", "counts": "attempted"}
    told = found(MINUTES, tried, used=[*calls(4, 9), *calls(6, 10), *calls(10, None)])
    assert told["short_calls"]["figures"] == {"calls": 4, "share": "0.4000", "seconds": 10, "amount": "2.40"}
    assert told["unanswered"]["figures"] == {"calls": 10, "share": "0.5000", "amount": "0.50"}


def test_an_allowance_left_and_a_limit_passed_are_counted(found: Any) -> None:
    limited = {
        "code": "limited",
        "kind": "calls",
        "name": NAME,
        "price": "0.30",
        "limit_per_day": 3,
        "beyond_price": "0.10",
    }
    told = found(MINUTES | {"included_minutes": "20"}, limited, used=[*calls(5, 60), *calls(4, 60, day=9), *calls(1, 60, day=10)])  # fmt: skip
    assert told["allowance_left"]["figures"] == {
        "name": NAME, "of": "20", "used": "10.00", "left": "10.00", "share": "0.5000", "unit": "minute",
    }  # fmt: skip
    figures = told["limit_passed"]["figures"]
    assert (Decimal(figures["calls"]), figures["amount"], figures["days"]) == (3, "0.30", 2)


def test_the_cheapest_contracts_come_from_the_comparison_and_seats_nobody_holds_are_not_free(found: Any) -> None:
    told = found(MINUTES | {"price": "60"}, used=calls(300, 61))["cheaper"]
    figures = told["figures"]
    assert (figures["months"], figures["own_amount"]) == (6, "36000.00")
    assert Decimal(told["saving"]) == Decimal(figures["own_amount"]) - Decimal(figures["amount"]) > 0
    assert 0 < Decimal(figures["amount"]) <= Decimal(figures["second_amount"])


def test_calls_changed_since_the_invoice_are_not_reckoned_with(
    make_contract: Callable[..., Contract], source: Source
) -> None:
    from django.db import connection

    contract = make_contract(MINUTES)
    deliver_calls(contract.tenant, *calls(10, 61))
    invoice = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_call WHERE call_id LIKE '%-0'")
    codes = [each["code"] for each in fitting.report_of(invoice)["findings"]]
    assert "changed_since" in codes
    assert not {"rounding", "short_calls"} & set(codes)


def test_service_levels_say_target_measured_and_the_credit_on_the_invoice(
    make_contract: Callable[..., Contract], source: Source
) -> None:
    promise = {
        "code": "sla", "kind": "service_level", "name": NAME, "price": "100", "measure": "answer_rate",
        "credits": [{"below": "0.95", "rate": "0.10"}, {"below": "0.6", "rate": "0.25"}],
    }  # fmt: skip
    contract = make_contract(MINUTES, promise)
    deliver_calls(contract.tenant, *calls(5, 60), *calls(5, None))
    invoice = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    [told] = fitting.report_of(invoice)["service_levels"]
    assert (told["target"], Decimal(told["level"]), told["rate"]) == ("0.95", Decimal("0.5"), "0.25")
    assert told["credit"] == "25.00"
    printed = [line["amount"] for line in invoice.document["bill"]["lines"] if line["kind"] == "credit"]
    assert printed == ["-25.00"]


@pytest.fixture
def invoice(contract: Contract, source: Source) -> Invoice:
    deliver_calls(contract.tenant, *calls(10, 61))
    return issue_by_two(draft_month(contract, OCTOBER, NOW).pk)


def test_a_report_is_kept_once_and_page_and_api_say_the_same(
    invoice: Invoice, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/i/{token_of(invoice)}/fit?language=en"
    assert "is being reckoned" in Client().get(page).content.decode()
    with travel(NOW, tick=False):
        keep_fit_reports()
        kept = FitReport.objects.get()
        monkeypatch.setattr(fitting, "report_of", lambda invoice: {"findings": [], "service_levels": []})
        keep_fit_reports()
        fitting.keep_report(invoice.pk, NOW)
    assert FitReport.objects.get().document == kept.document
    answer = Client().get("/api/v1/fit", headers={"Authorization": f"Bearer {key}"}).json()
    [item] = answer["items"]
    assert (item["invoice"], item["contract"], item["period_starts_on"]) == (invoice.number, "C-1", "2026-10-01")
    shown = Client().get(page).content.decode()
    for each in item["findings"]:
        assert each["text"]["en"] in shown
        assert each["text"]["zh"] != each["text"]["en"]


def test_a_report_that_cannot_be_reckoned_waits_an_hour_and_keeps_none_waiting(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(invoice: Invoice) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, travel(NOW, tick=False):
        patch.setattr(fitting, "report_of", broken)
        keep_fit_reports()
    assert fitting.due_reports(NOW + timedelta(minutes=59), 10) == []
    assert fitting.due_reports(NOW + timedelta(minutes=61), 10) == [invoice.pk]
    fitting.keep_report(invoice.pk, NOW + timedelta(minutes=61))
    assert FitReport.objects.get().document["findings"]


def test_who_declines_reports_gets_neither_link_nor_report(invoice: Invoice, smtp: Server) -> None:
    Tenant.objects.update(gets_fit_reports=False)
    declined = Invoice.objects.get(pk=invoice.pk)
    assert fitting.due_reports(NOW, 10) == []
    assert fit_link(declined) == ""
    assert Client().get(f"/i/{token_of(declined)}/fit").status_code == 404
    assert deliver(invoice.deliveries.get().pk, NOW) == "sent"
    assert b"/fit" not in smtp.accepted[0].replace(b"=\r\n", b"")


def test_the_invoice_mail_leads_to_the_report(invoice: Invoice, smtp: Server) -> None:
    from email import message_from_bytes, policy

    assert deliver(invoice.deliveries.get().pk, NOW) == "sent"
    message: Any = message_from_bytes(smtp.accepted[0], policy=policy.default)
    for part in ("plain", "html"):
        assert re.search(r"/i/[^/\s]+/fit", message.get_body((part,)).get_content())
