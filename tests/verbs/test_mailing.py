"""Delivery over a real SMTP server that says yes, later, never, or nothing at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.translation import override

from billing.mail import SENDING_TAKES, due_mails, give_up_interrupted
from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.mailing import deliver
from invoices.models import Delivery
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.conftest import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(contract: Any, post: Any) -> Delivery:
    post(call_of(1))
    issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    return Delivery.objects.get()


def test_an_accepted_mail_is_sent_once(smtp: Server, delivery: Delivery) -> None:
    assert deliver(delivery.pk, NOW) == "sent"
    assert deliver(delivery.pk, NOW) == "not_due"
    (content,) = smtp.accepted
    assert delivery.message_id.encode() in content
    assert b"Subject: Invoice HD-2026-000001" in content.replace(b"\r\n ", b" ")
    assert b"HD-2026-000001.pdf" in content


def test_ten_senders_at_once_send_one_mail(smtp: Server, delivery: Delivery) -> None:
    def send(_: int) -> str:
        try:
            return deliver(delivery.pk, NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(send, range(10))) == ["not_due"] * 9 + ["sent"]
    assert len(smtp.accepted) == 1


def test_a_greylisting_server_gets_the_same_message_later(smtp: Server, delivery: Delivery) -> None:
    smtp.answers = ["451 try later", "250 OK"]
    assert deliver(delivery.pk, NOW) == "queued"
    assert due_mails(Delivery, NOW, 10) == []
    later = NOW + timedelta(minutes=2)
    assert due_mails(Delivery, later, 10) == [delivery.pk]
    assert deliver(delivery.pk, later) == "sent"
    assert delivery.message_id.encode() in smtp.accepted[0]


def test_a_final_no_has_failed(smtp: Server, delivery: Delivery) -> None:
    smtp.answers = ["554 no such user"]
    assert deliver(delivery.pk, NOW) == "failed"
    assert "554 no such user" in Delivery.objects.get().answer


@pytest.mark.parametrize(
    ("answer", "chinese"),
    [
        ("Accepted.", "已接收。"),
        ("451 Accepted.", "451 Accepted."),
        ("Given up: No connection: [Errno 111] refused", "已放弃: 无法连接邮件服务器: [Errno 111] refused"),
        ("", ""),
    ],
)
def test_our_own_words_in_the_mail_log_are_in_the_readers_language(answer: str, chinese: str) -> None:
    with override("zh-hans"):
        assert Delivery(answer=answer).said == chinese


def test_a_connection_lost_before_the_answer_is_unknown_and_not_sent_again(smtp: Server, delivery: Delivery) -> None:
    smtp.answers = ["drop"]
    assert deliver(delivery.pk, NOW) == "unknown"
    assert due_mails(Delivery, NOW + timedelta(days=1), 10) == []


def test_no_connection_at_all_is_tried_again_and_given_up_in_the_end(delivery: Delivery, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    now, states = NOW, []
    while "failed" not in states:
        states.append(deliver(delivery.pk, now))
        now += timedelta(days=1)
    assert states == ["queued"] * 6 + ["failed"]


def test_a_sender_that_died_leaves_it_unknown(delivery: Delivery) -> None:
    Delivery.objects.update(state=Delivery.SENDING, sending_until=NOW + SENDING_TAKES)
    assert give_up_interrupted(Delivery, NOW) == 0
    assert give_up_interrupted(Delivery, NOW + SENDING_TAKES + timedelta(seconds=1)) == 1
    assert Delivery.objects.get().state == Delivery.UNKNOWN


def test_a_name_with_a_line_break_cannot_write_headers(smtp: Server, delivery: Delivery) -> None:
    # The document is frozen, so the attack must come before: draft another with a hostile name.
    from invoices.rendering import render_mail

    hostile = delivery.invoice.document
    hostile["seller"]["name_en"] = "Evil\r\nBcc: all@example.com"
    subject = render_mail(hostile, link="https://example.com/i/x").subject
    assert "\r" not in subject
    assert "\n" not in subject
