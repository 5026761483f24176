"""Statements of account go out once a month to those who get them, and whenever a person says so; over real SMTP."""

from __future__ import annotations

import email
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.policy import default
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pypdf import PdfReader

from invoices.ageing import statement
from invoices.bouncing import note_bounces
from invoices.bouncing.reading import Report
from invoices.models import StatementMail
from invoices.paying import record_payment
from invoices.stating import (
    CannotState,
    account_of,
    owe_monthly_statements,
    owe_statement,
    send_statement,
    send_statement_again,
)
from tenants.models import Bounce, Contact, Tenant
from tests.conftest import NOW
from tests.verbs.conftest import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
DECEMBER = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
NOVEMBER = (date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def owing(bill: Any, tenant: Tenant) -> Tenant:
    bill("106.00", -10)
    bill("53.00")
    record_payment(tenant.pk, Decimal(40), currency="CNY", by="li", now=NOW, reference="b-1")
    tenant.gets_statements = True
    tenant.save()
    return tenant


def test_it_says_what_the_ledger_says(owing: Tenant) -> None:
    told = account_of(owing, "CNY", *NOVEMBER, NOW.date())
    drawn = statement(owing, "CNY", *NOVEMBER)
    assert (Decimal(told["opening"]), Decimal(told["closing"])) == (drawn.opening, drawn.closing) == (0, 119)
    assert [Decimal(row["balance"]) for row in told["rows"]] == [row.balance for row in drawn.rows]
    assert sum(map(Decimal, told["ages"][:5])) - Decimal(told["ages"][5]) == 119
    assert Decimal(told["ages"][1]) == 66


def test_the_month_before_is_mailed_once_to_each_contact(owing: Tenant, smtp: Server) -> None:
    Contact.objects.create(tenant=owing, name="Li", email="li@north.example")
    assert owe_monthly_statements(DECEMBER - timedelta(days=2)) == 0
    assert owe_monthly_statements(DECEMBER) == 2
    assert owe_monthly_statements(DECEMBER + timedelta(days=1)) == 0
    for mail in StatementMail.objects.order_by("pk"):
        assert (mail.starts_on, mail.ends_on, mail.by) == (*NOVEMBER, "")
        assert send_statement(mail.pk, DECEMBER) == "sent"
    message = email.message_from_bytes(smtp.accepted[0], policy=default)
    assert "Statement of account from Huadan Ltd." in message["Subject"]
    assert "You owe CNY 119.00" in message["Subject"]
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert "CNY 119.00" in html.get_content()
    assert "119.00" in text.get_content()
    (pdf,) = message.iter_attachments()
    assert pdf.get_filename() == "statement-north-2026-11-01-2026-11-30.pdf"
    printed = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.get_content())).pages)
    assert "HD-1" in printed
    assert "106.00" in printed


def test_who_does_not_get_them_or_has_nothing_to_state_is_not_mailed(tenant: Tenant, owing: Tenant) -> None:
    Tenant.objects.update(gets_statements=False)
    assert owe_monthly_statements(DECEMBER) == 0
    quiet = Tenant.objects.create(
        seller=tenant.seller, code="quiet", name_zh="静", name_en="Quiet", zone="Asia/Shanghai", gets_statements=True
    )
    Contact.objects.create(tenant=quiet, name="Q", email="q@quiet.example")
    assert owe_monthly_statements(DECEMBER) == 0


def test_many_runs_at_once_owe_each_mail_once(owing: Tenant) -> None:
    def owe(_: int) -> int:
        try:
            return owe_monthly_statements(DECEMBER)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(owe, range(8)))
    assert StatementMail.objects.count() == 1


def test_a_person_sends_any_days_but_not_twice_at_once(owing: Tenant, admin_client: Client) -> None:
    address = f"/admin/invoices/receivable/statement/{owing.pk}/?from=2026-11-01&to=2026-11-30&currency=CNY"
    assert admin_client.get(f"{address}&form=pdf").content.startswith(b"%PDF")
    page = admin_client.post(address, follow=True).content.decode()
    assert "Send these days" in page or "邮件发送" in page
    mail = StatementMail.objects.get()
    assert (mail.starts_on, mail.ends_on, mail.by) == (*NOVEMBER, "admin")
    assert admin_client.get("/admin/invoices/statementmail/").status_code == 200
    StatementMail.objects.update(state="queued")
    with pytest.raises(CannotState, match="anyway"):
        owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW)
    StatementMail.objects.update(state="sent")
    assert owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW) == 1


def test_it_is_kept_with_its_digest_and_sent_again_as_it_was(owing: Tenant, smtp: Server, admin_client: Client) -> None:
    owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW)
    first = StatementMail.objects.get()
    assert send_statement(first.pk, NOW) == "sent"
    first.refresh_from_db()
    assert first.sha256 == hashlib.sha256(bytes(first.pdf)).hexdigest()
    record_payment(owing.pk, Decimal(60), currency="CNY", by="li", now=NOW, reference="b-2")
    page = f"/admin/invoices/statementmail/{first.pk}/change/"
    assert admin_client.get(f"{page}?form=pdf").content == bytes(first.pdf)
    assert first.sha256 in admin_client.get(page).content.decode()
    admin_client.post(page, {"reason": " "})
    assert StatementMail.objects.count() == 1
    admin_client.post(page, {"reason": "address corrected"})
    again = StatementMail.objects.exclude(pk=first.pk).get()
    assert (again.reason, again.by, again.message_id == first.message_id) == (
        "admin: address corrected",
        "admin",
        False,
    )
    assert "address corrected" in admin_client.get(f"/admin/invoices/statementmail/{again.pk}/change/").content.decode()
    with pytest.raises(CannotState, match="anyway"):
        send_statement_again(first.pk, reason="once more", by="li", now=NOW)
    assert send_statement(again.pk, again.due_at) == "sent"
    sent = [email.message_from_bytes(each, policy=default) for each in smtp.accepted]
    pdfs = [next(message.iter_attachments()).get_content() for message in sent]
    assert pdfs == [bytes(first.pdf)] * 2
    assert sent[0]["Subject"] == sent[1]["Subject"]


def test_what_failed_is_sent_again_under_its_own_id(owing: Tenant) -> None:
    owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW)
    mail = StatementMail.objects.get()
    StatementMail.objects.update(state="failed", attempts=7)
    again = send_statement_again(mail.pk, reason="repaired", by="li", now=NOW)
    assert (again.pk, again.message_id, again.state, again.attempts) == (mail.pk, mail.message_id, "queued", 0)


def test_a_statement_that_comes_back_is_noted(owing: Tenant) -> None:
    owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW)
    StatementMail.objects.update(state="sent")
    mail = StatementMail.objects.get()
    noted = note_bounces(owing.seller_id, [Report(mail.message_id, "hard", mail.recipient, "550 no such user")], NOW)
    mail.refresh_from_db()
    assert (noted.noted, mail.state, mail.answer) == (1, "bounced", "550 no such user")
    assert Bounce.objects.get().tenant == owing


def test_addresses_that_differ_in_the_case_of_letters_get_one_mail(owing: Tenant) -> None:
    Contact.objects.create(tenant=owing, name="Wang", email="Finance@North.example")
    assert owe_statement(owing, "CNY", *NOVEMBER, by="li", now=NOW) == 1
    assert StatementMail.objects.get().recipient == "finance@north.example"


@pytest.mark.parametrize(("days", "code"), [(NOVEMBER[::-1], "no_days"), (NOVEMBER, "no_recipient")])
def test_what_cannot_be_sent_says_why(owing: Tenant, days: Any, code: str) -> None:
    Contact.objects.all().delete()
    with pytest.raises(CannotState) as refusal:
        owe_statement(owing, "CNY", *days, by="li", now=NOW)
    assert refusal.value.code == code
