"""A mail server or a provider reports mails that came back, in its own words; finance sees them where it looks."""

from __future__ import annotations

import json
from datetime import date
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.books import answers
from invoices.drafting import draft_month
from invoices.mailing import deliver, send_again
from invoices.models import Delivery
from tenants.keys import make_key
from tenants.models import ApiKey, Bounce, Seller, Tenant
from tests.api.test_operating import ask, sellers_key
from tests.conftest import NOW, call_of, issue_by_two

__all__ = ["sellers_key"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
WORDS = "550 5.1.1 no such user"


@pytest.fixture
def delivery(contract: Any, post: Any) -> Delivery:
    post(call_of(1))
    issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    sent = Delivery.objects.get()
    assert deliver(sent.pk, NOW) == "sent"
    sent.refresh_from_db()
    return sent


def plain(message_id: str, kind: str = "hard") -> bytes:
    return json.dumps({"message_id": message_id, "kind": kind, "diagnostic": WORDS, "extra": 1}).encode()


def ses(message_id: str, **around: Any) -> bytes:
    bounce = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "x@y.z", "diagnosticCode": WORDS}]}
    mail = {"messageId": "0100", "commonHeaders": {"messageId": message_id}}
    told = json.dumps({"notificationType": "Bounce", "bounce": bounce, "mail": mail})
    return (json.dumps({"Type": "Notification", "Message": told}) if around else told).encode()


def notification(message_id: str, action: str = "failed", returned: str = "message/rfc822") -> bytes:
    """Write what Postfix writes."""
    report = MIMEMultipart("report", **{"report-type": "delivery-status"})
    report["Message-ID"] = "<report@mx.example>"
    report.attach(MIMEText("Your mail could not be delivered."))
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    about, who = Message(), Message()
    about["Reporting-MTA"] = "dns; mx.example"
    who["Final-Recipient"], who["Action"], who["Status"] = "rfc822; finance@north.example", action, "5.1.1"
    who["Diagnostic-Code"] = f"smtp; {WORDS}"
    status.set_payload([about, who])
    report.attach(status)
    original = Message()
    original["Content-Type"] = returned
    if returned == "message/rfc822":
        inner = Message()
        inner["Message-ID"], inner["Subject"] = message_id, "Invoice"
        original.set_payload([inner])
    else:
        original.set_payload(f"Subject: Invoice\nMessage-ID: {message_id}\n")
    report.attach(original)
    return report.as_bytes()


FORMS: dict[str, Any] = {
    "plain": plain,
    "without brackets": lambda told: plain(told.strip("<>")),
    "list": lambda told: b"[" + plain(told) + b"]",
    "ses": ses,
    "sns": lambda told: ses(told, sns=True),
    "rfc3464": notification,
    "rfc3464 with headers": lambda told: notification(told, returned="text/rfc822-headers"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_bounce_is_noted_at_the_mail_in_every_usual_form_and_once(
    form: str, delivery: Delivery, sellers_key: str
) -> None:
    body = FORMS[form](delivery.message_id)
    assert ask(sellers_key, "post", "bounces", body).json() == {"noted": 1, "known": 0, "unknown": 0}
    assert ask(sellers_key, "post", "bounces", body).json() == {"noted": 0, "known": 1, "unknown": 0}
    delivery.refresh_from_db()
    assert (delivery.state, delivery.answer) == ("bounced", WORDS)
    bounce = Bounce.objects.get()
    assert (bounce.tenant.code, bounce.recipient, bounce.kind) == ("north", "finance@north.example", "hard")
    assert [each.sentence for each in answers(NOW) if each.rows and each.invariant == "I7"] == []


def test_a_complaint_leaves_the_mail_sent(delivery: Delivery, sellers_key: str) -> None:
    ask(sellers_key, "post", "bounces", plain(delivery.message_id, "complaint"))
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert Bounce.objects.get().kind == "complaint"


def test_a_bounced_mail_is_sent_again_as_a_copy_with_an_id_of_its_own(delivery: Delivery, sellers_key: str) -> None:
    ask(sellers_key, "post", "bounces", plain(delivery.message_id))
    again = send_again(delivery.pk, reason="address corrected", by="wang", now=NOW)
    assert (again.state, again.kind) == ("queued", "copy-1")
    assert again.message_id != delivery.message_id


def test_a_report_that_a_mail_is_only_delayed_is_no_bounce(delivery: Delivery, sellers_key: str) -> None:
    assert ask(sellers_key, "post", "bounces", notification(delivery.message_id, "delayed")).status_code == 400
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_mails_of_another_seller_and_of_nobody_are_unknown(delivery: Delivery) -> None:
    other = Seller.objects.create(code="yt", name_zh="云通", name_en="Yuntong", email="billing@yt.example")
    key = make_key(other, "crm", [ApiKey.OPERATE])[1]
    for message_id in (delivery.message_id, "<nobody@example>"):
        assert ask(key, "post", "bounces", plain(message_id)).json() == {"noted": 0, "known": 0, "unknown": 1}
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_a_tenants_key_reports_nothing(tenant: Tenant) -> None:
    key = make_key(tenant, "portal", [ApiKey.OPERATE])[1]
    assert ask(key, "post", "bounces", plain("<x@y>")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"[1]", b"nonsense", b"[" * 100_000, b'{"message_id": 7, "kind": "hard"}', b"\xff\xfe\x00",
        b'{"message_id": "<x@y>", "kind": "loud"}', b'{"notificationType": "Bounce"}', b'{"Type": "Notification"}',
        b'{"Type": "Notification", "Message": "no"}', b"Content-Type: multipart/report; boundary=x\n\n--x\n\n", b"1" * 2_000_000,
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_with_words(body: bytes, sellers_key: str) -> None:
    answer = ask(sellers_key, "post", "bounces", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"]


def test_a_nul_and_control_characters_in_a_report_do_no_harm(delivery: Delivery, sellers_key: str) -> None:
    body = {"message_id": delivery.message_id, "kind": "hard", "recipient": "\x00", "diagnostic": "no\x00\r\nBcc: x"}
    assert ask(sellers_key, "post", "bounces", body).json()["noted"] == 1
    delivery.refresh_from_db()
    assert delivery.answer == "no Bcc: x"


def test_the_tenants_page_warns_until_somebody_has_seen_to_it(
    delivery: Delivery, sellers_key: str, admin_client: Any
) -> None:
    page = f"/admin/tenants/tenant/{delivery.invoice.tenant_id}/change/"
    ask(sellers_key, "post", "bounces", plain(delivery.message_id, "soft"))
    assert "come back" not in admin_client.get(page).content.decode()
    ask(sellers_key, "post", "bounces", plain(delivery.message_id))
    assert "Mails to finance@north.example come back" in admin_client.get(page).content.decode()
    bounce = Bounce.objects.get(kind="hard")
    told = {"action": "see_to", "_selected_action": [str(bounce.pk)]}
    admin_client.post("/admin/tenants/bounce/", told)
    assert "come back" not in admin_client.get(page).content.decode()
    bounce.refresh_from_db()
    assert bounce.seen_by == "admin"
