"""Webhooks over real HTTP: signed, at least once, tried again on the standard's schedule, given up in the end."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction

from billing.periods import period_containing
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.models import Receivable
from invoices.paying import record_payment, reverse_payment
from tenants import tasks
from tenants.models import Seller, Tenant, WebhookEndpoint, WebhookMessage, WebhookNotice, WebhookTry
from tenants.webhooks import sending
from tenants.webhooks.announcing import CannotSendAgain, announce, announce_test, send_again
from tenants.webhooks.endpoints import WrongEndpoint, disable, keep_endpoint, rotate_secret, send_notice
from tenants.webhooks.sending import RETRY_AFTER, due_endpoints, forget_old_messages, send_next
from tenants.webhooks.signing import secret_of, sign
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.conftest import Receiver, Server
from usage.aggregation import count_if_stale
from usage.alarms import watch_sources
from usage.models import Batch
from usage.thresholds import announce_thresholds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
ALL = [kind for kind, _name in WebhookEndpoint.TYPES]


def listen(seller: Seller, url: str, tenant: Tenant | None = None, types: list[str] = ALL) -> WebhookEndpoint:
    made = WebhookEndpoint(seller=seller, tenant=tenant, name="ERP", url=url, types=types)
    keep_endpoint(made, NOW)
    return made


@pytest.fixture
def endpoint(seller: Seller, tenant: Tenant, receiver: Receiver) -> WebhookEndpoint:
    return listen(seller, receiver.url)


@pytest.fixture
def message(endpoint: WebhookEndpoint) -> WebhookMessage:
    return announce_test(endpoint, NOW)


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return sign(secret, headers["webhook-id"], at, body) in headers["webhook-signature"].split(" ")


def test_a_signature_is_the_published_one() -> None:
    signed = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}',
    )  # fmt: skip
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_arrives_signed_and_is_sent_once(message: WebhookMessage, receiver: Receiver) -> None:
    assert send_next(message.endpoint_id, NOW) == "delivered"
    assert send_next(message.endpoint_id, NOW + timedelta(days=1)) is None
    ((headers, body),) = receiver.came
    assert headers["webhook-id"] == str(message)
    assert headers["host"] == receiver.url.split("/")[2]
    assert is_signed(secret_of(message.endpoint), headers, body)
    assert not is_signed(secret_of(message.endpoint, 7), headers, body)
    assert not is_signed(secret_of(message.endpoint), headers, body + b" ")
    assert receiver.events[0].keys() == {"type", "timestamp", "data"}
    assert (WebhookTry.objects.get().status, WebhookMessage.objects.get().tries) == (204, 1)


def test_an_issued_paid_and_credited_invoice_is_told_of_each_once(
    endpoint: WebhookEndpoint, tenant: Tenant, contract: Any, post: Any
) -> None:
    post(call_of(1))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    record_payment(tenant.pk, Decimal("0.10"), currency="CNY", by="wang", now=NOW, reference="1")
    paid = record_payment(tenant.pk, invoice.total - Decimal("0.10"), currency="CNY", by="wang", now=NOW, reference="2")
    told = [(each.type, each.event) for each in WebhookMessage.objects.order_by("pk")]
    assert [kind for kind, _event in told] == ["invoice.issued", "invoice.paid"]
    reverse_payment(paid.pk, reason="bounced", by="wang", now=NOW)
    record_payment(tenant.pk, invoice.total, currency="CNY", by="wang", now=NOW, reference="3")
    asked = request_credit(invoice, None, reason="wrong", by="wang", now=NOW)
    note = decide(asked.pk, approve=True, by="li", now=NOW).credit_note
    assert note is not None
    kinds = [each.type for each in WebhookMessage.objects.order_by("pk")]
    assert kinds == ["invoice.issued", "invoice.paid", "invoice.paid", "credit_note.issued"]
    while send_next(endpoint.pk, NOW) == "delivered":
        pass
    assert Receivable.objects.get().open == 0


def test_what_is_told_of_an_invoice_are_its_figures(
    endpoint: WebhookEndpoint, contract: Any, post: Any, receiver: Receiver
) -> None:
    post(call_of(1))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    send_next(endpoint.pk, NOW)
    assert receiver.events[0]["data"] == {
        "tenant": "north", "number": "HD-2026-000001", "contract": "C-1", "currency": "CNY",
        "period_starts_on": "2026-10-01", "period_ends_on": "2026-11-01", "net": f"{invoice.net:.3f}",
        "tax": f"{invoice.tax:.3f}", "total": f"{invoice.total:.3f}", "due_on": "2026-12-08",
    }  # fmt: skip


def test_an_issue_that_fails_tells_nobody(endpoint: WebhookEndpoint, contract: Any, post: Any) -> None:
    post(call_of(1))
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), NOW)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_delivery ADD CONSTRAINT nobody CHECK (recipient = '')")
    try:
        with pytest.raises(IntegrityError):
            issue_by_two(draft.pk)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE invoices_delivery DROP CONSTRAINT nobody")
    assert not WebhookMessage.objects.exists()


def test_the_same_event_announced_again_is_told_once(endpoint: WebhookEndpoint, tenant: Tenant) -> None:
    for minutes in range(3):
        announce(tenant, "invoice.issued", "invoice.issued HD-1", {}, NOW + timedelta(minutes=minutes))
    assert WebhookMessage.objects.count() == 1


def test_only_those_are_told_who_listen_to_that_tenant_and_that_type(
    seller: Seller, tenant: Tenant, receiver: Receiver
) -> None:
    other = Seller.objects.create(code="yt", name_zh="云通", name_en="Yuntong", email="billing@yt.example")
    south = Tenant.objects.create(seller=seller, code="south", name_zh="南", name_en="South", zone="Asia/Shanghai")
    listen(seller, receiver.url, south)
    listen(other, receiver.url)
    listen(seller, receiver.url, tenant, ["source.silent"])
    disable(listen(seller, receiver.url), WebhookEndpoint.BY_PERSON, NOW)
    told = {listen(seller, receiver.url).pk, listen(seller, receiver.url, tenant).pk}
    announce(tenant, "invoice.issued", "one", {}, NOW)
    assert set(WebhookMessage.objects.values_list("endpoint", flat=True)) == told


def test_a_tenant_of_another_seller_is_refused(tenant: Tenant, receiver: Receiver) -> None:
    other = Seller.objects.create(code="yt", name_zh="云通", name_en="Yuntong", email="billing@yt.example")
    with pytest.raises(WrongEndpoint):
        listen(other, receiver.url, tenant)


def test_a_source_that_falls_silent_is_told_once(endpoint: WebhookEndpoint, tenant: Tenant, source: Any) -> None:
    for hours in range(24 * 10):
        Batch.objects.create(
            tenant_id=tenant.pk, id=uuid4(), source_id=source.pk, received_at=NOW - timedelta(days=12, hours=-hours),
            format="native", received=1, accepted=1, duplicates=0, conflicts=0, rejected=0,
        )  # fmt: skip
    assert len(watch_sources(NOW)) == 1
    assert watch_sources(NOW + timedelta(minutes=1)) == []
    assert [each.type for each in WebhookMessage.objects.all()] == ["source.silent"]


def test_a_limit_is_told_of_at_80_and_at_100_percent(
    endpoint: WebhookEndpoint, tenant: Tenant, make_contract: Any, post: Any, receiver: Receiver
) -> None:
    make_contract(
        {"code": "calls", "kind": "calls", "name": {"zh": "次", "en": "Calls"}, "limit_per_day": 5, "beyond_limit": "refuse",
         "price": {"kind": "per_unit", "price": "0.1"}},
    )  # fmt: skip
    now = datetime(2026, 10, 8, 4, tzinfo=UTC)
    for number, told in [(3, []), (4, [80]), (5, [80, 100]), (6, [80, 100])]:
        post(*(call_of(each) for each in range(1, number + 1)))
        count_if_stale(tenant, period_containing(date(2026, 10, 1)), NOW)
        announce_thresholds(tenant, now)
        announce_thresholds(tenant, now)
        while send_next(endpoint.pk, now):
            pass
        assert [each["data"]["percent"] for each in receiver.events] == told
    assert receiver.events[1]["data"] | {"used": 5} == {
        "tenant": "north", "clause": "calls", "per": "day", "percent": 100, "limit": 5, "used": 5,
        "resets_at": "2026-10-08T16:00:00+00:00", "refuses": True,
    }  # fmt: skip


def test_what_is_not_accepted_is_tried_again_on_the_standards_schedule_and_then_failed(
    message: WebhookMessage, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}, b"down")]
    now, waits = NOW, []
    while (state := send_next(message.endpoint_id, now)) == "owed":
        due_at = WebhookMessage.objects.get().due_at
        assert send_next(message.endpoint_id, due_at - timedelta(seconds=1)) is None
        waits.append(due_at - now)
        now = due_at
    assert (state, waits) == ("failed", RETRY_AFTER)
    assert {headers["webhook-id"] for headers, _body in receiver.came} == {str(message)}
    assert len(receiver.came) == 10
    assert WebhookTry.objects.filter(status=500, answer="down").count() == 10


def test_an_endpoint_that_accepts_nothing_for_days_is_disabled_and_operations_are_told(
    message: WebhookMessage, receiver: Receiver, smtp: Server, settings: Any
) -> None:
    receiver.answers = [(500, {}, b"down")]
    now = NOW
    while send_next(message.endpoint_id, now) == "owed":
        now = WebhookMessage.objects.get().due_at
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.enabled, endpoint.disabled_because) == (False, "failing")
    assert send_notice(WebhookNotice.objects.get().pk, now) == "sent"
    assert b"Subject: Webhook ERP was disabled" in smtp.accepted[0]
    assert b"Its last answer: down" in smtp.accepted[0]


def test_an_endpoint_that_answers_gone_is_disabled_at_once_and_keeps_what_it_is_owed(
    message: WebhookMessage, receiver: Receiver
) -> None:
    receiver.answers = [(410, {}, b""), (204, {}, b"")]
    waiting = announce_test(message.endpoint, NOW)
    assert send_next(message.endpoint_id, NOW) == "failed"
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.enabled, endpoint.disabled_because) == (False, "gone")
    assert WebhookNotice.objects.count() == 1
    later = NOW + timedelta(days=1)
    assert due_endpoints(later, 10) == []
    assert send_next(endpoint.pk, later) is None
    with pytest.raises(CannotSendAgain):
        send_again(endpoint, later, since=NOW)
    endpoint.enabled = True
    keep_endpoint(endpoint, later)
    assert send_next(endpoint.pk, later) == "delivered"
    assert receiver.came[-1][0]["webhook-id"] == str(waiting)


def test_one_success_forgives_all_failures_before(message: WebhookMessage, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b""), (200, {}, b"ok")]
    send_next(message.endpoint_id, NOW)
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.failures, endpoint.failing_since) == (1, NOW)
    send_next(message.endpoint_id, NOW + timedelta(seconds=5))
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.resting_until) == (0, None, None)


def test_an_endpoint_that_fails_rests_whatever_else_it_is_owed(message: WebhookMessage, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    for _each in range(5):
        announce_test(message.endpoint, NOW)
    assert send_next(message.endpoint_id, NOW) == "owed"
    assert due_endpoints(NOW, 10) == []
    assert send_next(message.endpoint_id, NOW + timedelta(seconds=4)) is None
    assert due_endpoints(NOW + timedelta(seconds=5), 10) == [message.endpoint_id]


def test_ten_workers_at_once_send_each_message_once(message: WebhookMessage, receiver: Receiver) -> None:
    for _each in range(19):
        announce_test(message.endpoint, NOW)

    def work(_number: int) -> int:
        done = 0
        try:
            while send_next(message.endpoint_id, NOW) or WebhookMessage.objects.filter(tries=0).exists():
                done += 1
        finally:
            connections.close_all()
        return done

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    assert len(receiver.came) == 20
    assert len({headers["webhook-id"] for headers, _body in receiver.came}) == 20


def _die_between_the_answer_and_the_note(endpoint_id: Any) -> None:
    connections.close_all()
    sending._note = lambda *_told: os._exit(9)  # type: ignore[assignment]
    send_next(endpoint_id, NOW)


def test_a_worker_killed_between_the_answer_and_the_note_leaves_it_to_be_sent_again_with_the_same_id(
    message: WebhookMessage, receiver: Receiver
) -> None:
    connections.close_all()
    process = multiprocessing.get_context("fork").Process(
        target=_die_between_the_answer_and_the_note, args=(message.endpoint_id,)
    )
    process.start()
    process.join(20)
    assert process.exitcode == 9
    assert len(receiver.came) == 1
    assert send_next(message.endpoint_id, NOW + timedelta(seconds=119)) is None
    assert send_next(message.endpoint_id, NOW + timedelta(seconds=120)) == "delivered"
    first, second = receiver.came
    assert first[0]["webhook-id"] == second[0]["webhook-id"] == str(message)
    assert first[1] == second[1]


def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone(
    message: WebhookMessage, receiver: Receiver
) -> None:
    old, new = secret_of(message.endpoint), rotate_secret(message.endpoint_id, NOW)
    assert old != new
    send_next(message.endpoint_id, NOW + timedelta(hours=23))
    send_again(message.endpoint, NOW, since=NOW)
    send_next(message.endpoint_id, NOW + timedelta(hours=25))
    during, after = receiver.came
    assert is_signed(old, *during)
    assert is_signed(new, *during)
    assert is_signed(new, *after)
    assert not is_signed(old, *after)


def test_what_was_delivered_or_failed_is_sent_again_when_asked_for(message: WebhookMessage, receiver: Receiver) -> None:
    late = announce_test(message.endpoint, NOW + timedelta(hours=1))
    now = NOW + timedelta(hours=2)
    while send_next(message.endpoint_id, now):
        pass
    assert send_again(message.endpoint, now, messages=[message.pk]) == 1
    assert send_again(message.endpoint, now, since=late.created_at) == 1
    while send_next(message.endpoint_id, now):
        pass
    ids = [headers["webhook-id"] for headers, _body in receiver.came]
    assert ids == [str(message), str(late)] * 2


def test_old_messages_are_forgotten_but_not_those_still_owed(message: WebhookMessage) -> None:
    send_next(message.endpoint_id, NOW)
    announce_test(message.endpoint, NOW)
    assert forget_old_messages(NOW + timedelta(days=90)) == 0
    assert forget_old_messages(NOW + timedelta(days=91)) == 1
    assert WebhookMessage.objects.get().state == WebhookMessage.OWED


def test_no_row_of_an_endpoint_holds_its_secret(endpoint: WebhookEndpoint) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text FROM tenants_webhookendpoint AS e")
        assert secret_of(endpoint).removeprefix("whsec_") not in cursor.fetchone()[0]


def test_announcing_waits_for_nobody_who_sends(message: WebhookMessage, tenant: Tenant, receiver: Receiver) -> None:
    """Issue while the sender is between its answer and its note: neither may hold the other up."""

    def announce_beside() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            announce(tenant, "invoice.issued", "beside", {}, NOW)
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        receiver.answers = [(500, {}, b"")]
        send_next(message.endpoint_id, NOW)
        pool.submit(announce_beside).result(10)
    assert WebhookMessage.objects.filter(event="beside").exists()


def test_a_tick_serves_every_endpoint_that_is_owed_something(
    message: WebhookMessage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = announce_test(listen(message.endpoint.seller, receiver.url), NOW)
    announce_test(message.endpoint, NOW)
    monkeypatch.setattr(tasks.serve_endpoint, "apply_async", lambda told, **_options: tasks.serve_endpoint(*told))
    tasks.deliver_webhooks()
    tasks.forget_webhook_messages()
    assert len(receiver.came) == 3
    assert str(other) in {headers["webhook-id"] for headers, _body in receiver.came}
    assert not WebhookMessage.objects.exclude(state=WebhookMessage.DELIVERED).exists()
