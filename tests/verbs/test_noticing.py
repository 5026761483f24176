"""A price rise needs notice: refused without it, told by mail once and in time, named on the invoice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

import pytest
from django.db import connection

from billing.mail import due_mails, give_up_interrupted
from billing.periods import midnight, period_containing
from invoices.drafting import draft_month
from invoices.rendering import render_page
from invoices.rendering.face import face_of
from tenants.contracts import amend
from tenants.models import Contact, Contract, PriceNotice
from tenants.noticing import NoticeNeeded, changes_in, send_notice
from tests.conftest import NOW, TALK
from tests.verbs.conftest import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
START, NOTICE = date(2027, 1, 1), date(2026, 12, 2)  # 30 days before
DUE = midnight(NOTICE, "Asia/Shanghai")
DEARER = {"version": 1, "currency": "CNY", "tax": {"rate": "0.06"}, "clauses": [TALK | {"price": "0.18"}]}
CHEAPER = DEARER | {"clauses": [TALK | {"price": "0.10"}]}
ACT: dict[str, Any] = {"by": "li", "reason": "new year", "now": NOW}


def parts_of(mail: Message) -> tuple[str, str]:
    """Give the text and the HTML of a mail."""
    text, html = (part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())
    return text, html


@pytest.fixture
def notice(contract: Contract) -> PriceNotice:
    amend(contract, DEARER, starts_on=START, notice_on=NOTICE, **ACT)
    return PriceNotice.objects.get()


@pytest.mark.parametrize(
    ("starts_on", "notice_on", "says"),
    [
        (START, None, "raises talk; set the day of notice, from today to 2026-12-02"),
        (START, NOTICE + timedelta(days=1), "from today to 2026-12-02"),
        (START, date(2026, 11, 22), "from today"),
        (date(2026, 12, 22), date(2026, 11, 23), "told 30 days before; begin on 2026-12-23 or later"),
        (date(2026, 3, 1), date(2026, 1, 1), "begin on 2026-12-23 or later"),
    ],
)
def test_a_rise_without_notice_in_time_is_refused(
    starts_on: date, notice_on: date | None, says: str, contract: Contract
) -> None:
    with pytest.raises(NoticeNeeded, match=says):
        amend(contract, DEARER, starts_on=starts_on, notice_on=notice_on, **ACT)
    assert not PriceNotice.objects.exists()


def test_a_rise_that_nobody_would_be_told_of_is_refused(contract: Contract) -> None:
    Contact.objects.update(receives_invoices=False)
    with pytest.raises(NoticeNeeded, match="add a contact"):
        amend(contract, DEARER, starts_on=START, notice_on=NOTICE, **ACT)


def test_the_seller_says_how_long_before_and_a_cheaper_version_needs_no_notice(contract: Contract) -> None:
    amend(contract, CHEAPER, starts_on=date(2026, 3, 1), **ACT)
    contract.tenant.seller.notice_days = 0
    contract.tenant.seller.save()
    amend(contract, DEARER, starts_on=date(2026, 11, 23), notice_on=date(2026, 11, 23), **ACT)
    assert due_mails(PriceNotice, NOW, 10) == [PriceNotice.objects.get().pk]


def test_the_tenant_is_told_by_mail_on_the_day_of_notice_once(smtp: Server, notice: PriceNotice) -> None:
    assert due_mails(PriceNotice, DUE - timedelta(seconds=1), 10) == []
    assert send_notice(notice.pk, DUE - timedelta(seconds=1)) == "not_due"
    assert due_mails(PriceNotice, DUE, 10) == [notice.pk]

    def send(_: int) -> str:
        try:
            return send_notice(notice.pk, DUE)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == ["not_due"] * 5 + ["sent"]
    (content,) = smtp.accepted
    mail = message_from_bytes(content)
    assert mail["Message-ID"] == notice.message_id
    assert mail["To"] == "finance@north.example"
    assert str(make_header(decode_header(mail["Subject"]))) == "Contract C-1: prices change on 1 January 2027"
    assert mail.get_content_type() == "multipart/alternative"
    text, html = parts_of(mail)
    assert "Version 2 of contract C-1 takes effect on 1 January 2027" in text
    assert "- Talk time (price): 0.15 (≤ 2), 0.1 → 0.18" in text
    assert "Northern Express" in text
    for said in (
        "Version 2 of contract C-1 takes effect on 1 January 2027",
        "0.15 (≤ 2), 0.1",
        "0.18",
        "Northern Express",
    ):
        assert said in html
    assert "<style" not in html
    assert 'style="' in html


def test_a_chinese_tenant_is_told_in_chinese(smtp: Server, contract: Contract) -> None:
    contract.tenant.language = "zh"
    contract.tenant.save()
    amend(contract, DEARER, starts_on=START, notice_on=NOTICE, **ACT)
    assert send_notice(PriceNotice.objects.get().pk, DUE) == "sent"
    mail = message_from_bytes(smtp.accepted[0])
    assert str(make_header(decode_header(mail["Subject"]))) == "合同 C-1：价格将于 2027年1月1日 调整"
    text, html = parts_of(mail)
    assert "- 通话 (单价): 0.15 (≤ 2), 0.1 → 0.18" in text
    shown = re.sub("<[^>]*>", "", html)
    assert set(re.findall("[A-Za-z]{3,}", shown)) <= {"billing", "huadan", "example"}, "no English but the address"


def test_what_a_contract_names_cannot_write_into_the_mail(smtp: Server, contract: Contract) -> None:
    named = TALK | {"name": {"zh": "通话", "en": "<b>Talk</b> & more"}, "price": "0.18"}
    amend(contract, DEARER | {"clauses": [named]}, starts_on=START, notice_on=NOTICE, **ACT)
    assert send_notice(PriceNotice.objects.get().pk, DUE) == "sent"
    text, html = parts_of(message_from_bytes(smtp.accepted[0]))
    assert "<b>Talk</b> & more" in text
    assert "&lt;b&gt;Talk&lt;/b&gt; &amp; more" in html


def test_what_the_mail_server_says_is_kept(smtp: Server, notice: PriceNotice) -> None:
    smtp.answers = ["451 later", "drop"]
    assert send_notice(notice.pk, DUE) == "queued"
    notice.refresh_from_db()
    assert (notice.attempts, notice.answer[:3]) == (1, "451")
    assert send_notice(notice.pk, DUE + timedelta(minutes=2)) == "unknown"
    assert send_notice(notice.pk, DUE + timedelta(days=2)) == "not_due"
    PriceNotice.objects.update(state="sending", sending_until=DUE)
    assert give_up_interrupted(PriceNotice, DUE + timedelta(minutes=1)) == 1


def test_the_changes_are_kept_with_the_version_and_found_by_its_month(notice: PriceNotice, contract: Contract) -> None:
    [change] = changes_in(contract, period_containing(START))
    assert change == {
        "from": "2027-01-01", "version": "2", "clause": "talk", "name": {"zh": "通话", "en": "Talk time"},
        "what": "price", "label": {"zh": "单价", "en": "price"}, "before": "0.15 (≤ 2), 0.1", "after": "0.18", "raised": True,
    }  # fmt: skip
    assert changes_in(contract, period_containing(date(2026, 12, 1))) == []


def test_the_invoice_says_where_a_price_changed(notice: PriceNotice, contract: Contract) -> None:
    document = draft_month(contract, period_containing(START), NOW).document
    assert face_of(document, "en").price_changes == [
        "From 1 January 2027 (version 2): Talk time, price 0.15 (≤ 2), 0.1 → 0.18"
    ]
    assert face_of(document, "zh").price_changes == ["自 2027年1月1日起（第 2 版）：通话，单价 0.15 (≤ 2), 0.1 → 0.18"]
    assert "0.15 (≤ 2), 0.1 → 0.18" in render_page(document)
    assert draft_month(contract, period_containing(date(2026, 12, 1)), NOW).document["price_changes"] == []
