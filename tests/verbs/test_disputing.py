"""A tenant asks about its invoice on the page, by the API; finance answers; reminders wait; nothing of it can be bent."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client

from billing.errors import Refused
from billing.periods import period_containing
from invoices import tasks
from invoices.ageing import ageing
from invoices.books import broken
from invoices.disputing import LONGEST, MOST_A_DAY, CannotDispute, answer, ask, close
from invoices.drafting import draft_month
from invoices.links import page_link
from invoices.mailing import deliver
from invoices.models import Delivery, Dispute, DisputeMail, Invoice
from invoices.reminding import owe_reminders
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.conftest import Server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    post(call_of(1), call_of(2))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


@pytest.fixture
def address(invoice: Invoice) -> str:
    return urlsplit(page_link(invoice)).path


def part(told: EmailMessage, kind: str) -> str:
    """Read the text or the HTML of a mail."""
    found = told.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_a_question_on_the_page_reaches_finance_and_the_answer_comes_back(
    invoice: Invoice, address: str, client: Client, smtp: Server
) -> None:
    form = {"line": "talk.tier-1", "name": "Wang Fang", "question": "Our switch counts one call.\r\nWhy two?"}
    sent = client.post(f"{address}/question?language=en", form)
    assert sent.status_code == 303
    page = client.get(f"{address}/question{sent['Location']}").content.decode()
    assert "Your question is with the finance team." in page
    assert "waiting for an answer" in page
    dispute = Dispute.objects.get()
    assert (dispute.line, dispute.asked_by, dispute.via) == ("talk.tier-1", "Wang Fang", "page")
    tasks.tell_of_disputes()
    told = message_from_bytes(smtp.accepted[0], policy=default)
    assert told["To"] == "billing@huadan.example"
    assert invoice.number in told["Subject"]
    for kind in ("plain", "html"):
        assert "Why two?" in part(told, kind)
        assert f"/admin/invoices/dispute/{dispute.pk}/change/" in part(told, kind)

    answer(dispute.pk, "The second leg rang too.", close=False, by="li", now=NOW)
    tasks.tell_of_disputes()
    told = message_from_bytes(smtp.accepted[1], policy=default)
    assert told["To"] == "finance@north.example"
    assert "> Why two?" in part(told, "plain")
    assert re.search(r"Why two\?\s*</blockquote>", part(told, "html"))
    for kind in ("plain", "html"):
        assert "The second leg rang too." in part(told, kind)
    page = client.get(address, {"language": "en"}).content.decode()
    assert "The second leg rang too." in page
    assert "no reminder is sent until it is settled" in page
    close(dispute.pk, by="li", now=NOW)
    page = client.get(address, {"language": "zh"}).content.decode()
    assert "已办结" in page
    assert "付款提醒已暂停" not in page
    assert [event.what for event in invoice.events.all()][-2:] == ["asked", "answered"]
    assert [each.invariant for each in broken(NOW) if each.invariant in {"I7", "I11"}] == []
    assert len(smtp.accepted) == 2


@pytest.mark.parametrize(
    ("form", "english", "chinese"),
    [
        ({"question": " \r\n\t"}, "Write a sentence.", "请填写内容。"),
        ({"question": "x" * (LONGEST + 1)}, "at most 2000 characters", "不超过 2000 个字"),
        ({"question": "Why?", "line": "other"}, "no such line", "没有这一行"),
    ],
)
def test_a_wrong_question_is_a_sentence_and_what_was_written_stays(
    address: str, client: Client, form: dict[str, str], english: str, chinese: str
) -> None:
    for language, sentence in (("en", english), ("zh", chinese)):
        page = client.post(f"{address}/question?language={language}", {"name": "Wang"} | form)
        assert page.status_code == 422
        assert sentence in page.content.decode()
        assert 'role="alert"' in page.content.decode()
        assert 'value="Wang"' in page.content.decode()
    assert not Dispute.objects.exists()


def test_what_is_written_is_text_and_nothing_else(invoice: Invoice, address: str, client: Client) -> None:
    nasty = "<script>alert(1)</script>\u202eevil\x00 =1+1\nBcc: all@example.com"
    client.post(f"{address}/question", {"question": nasty, "name": "A\r\nBcc: x@example.com"})
    dispute = Dispute.objects.get()
    assert dispute.question == "<script>alert(1)</script>evil =1+1\nBcc: all@example.com"
    assert "\n" not in dispute.asked_by
    for page in (client.get(address), client.get(f"{address}/question")):
        assert "<script>alert" not in page.content.decode()
        assert page["Referrer-Policy"] == "no-referrer"
    tasks.tell_of_disputes()
    assert [each.to for each in mail.outbox] == [["billing@huadan.example"]]
    assert mail.outbox[0].recipients() == ["billing@huadan.example"]


def test_a_forged_link_asks_nothing(address: str, client: Client) -> None:
    assert client.post(f"{address}x/question", {"question": "Why?"}).status_code == 404
    assert client.put(f"{address}/question").status_code == 405
    assert not Dispute.objects.exists()


def test_a_link_that_runs_wild_is_stopped_for_the_day(invoice: Invoice, address: str, client: Client) -> None:
    for number in range(MOST_A_DAY):
        assert client.post(f"{address}/question", {"question": f"{number}?"}).status_code == 303
    again = client.post(f"{address}/question?language=en", {"question": "0?"})
    assert again.status_code == 303, "the same question is the one that is there"
    stopped = client.post(f"{address}/question?language=en", {"question": "11?"})
    assert stopped.status_code == 429
    assert "reply to the invoice" in stopped.content.decode()
    assert Dispute.objects.count() == DisputeMail.objects.count() == MOST_A_DAY
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ask(invoice.pk, "11?", via="page", now=tomorrow)


def test_the_same_question_eight_times_at_once_is_one(invoice: Invoice) -> None:
    def work(_number: int) -> int:
        try:
            return ask(invoice.pk, "Why?", via="page", now=NOW).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(work, range(8)))) == 1
    assert DisputeMail.objects.count() == 1


def test_reminders_wait_for_an_open_question_and_the_ageing_shows_it(
    invoice: Invoice, smtp: Server, in_english: None
) -> None:
    overdue = NOW + timedelta(days=60)
    owe_reminders(NOW + timedelta(days=14))
    reminder = Delivery.objects.get(kind__startswith="reminder-")
    dispute = ask(invoice.pk, "Why?", via="page", now=NOW)
    assert deliver(reminder.pk, overdue) == "dropped"
    assert Delivery.objects.get(pk=reminder.pk).said == "The tenant has an open question about it."
    assert owe_reminders(overdue) == 0
    (aged,) = ageing(overdue.date())
    assert (aged.disputed, aged.balance) == (invoice.total, invoice.total)
    answer(dispute.pk, "Because.", close=True, by="li", now=NOW)
    assert owe_reminders(overdue) == 1
    assert ageing(overdue.date())[0].disputed == 0


def test_a_question_is_answered_once_and_closed_once(invoice: Invoice) -> None:
    dispute = ask(invoice.pk, "Why?", via="page", now=NOW)
    for command, code in (
        (lambda: close(dispute.pk, by="li", now=NOW), "not_answered"),
        (lambda: answer(dispute.pk, " ", close=True, by="li", now=NOW), "text_needed"),
    ):
        with pytest.raises(CannotDispute) as refusal:
            command()
        assert refusal.value.code == code
    answer(dispute.pk, "Because.", close=True, by="li", now=NOW)
    for command, code in (
        (lambda: answer(dispute.pk, "Or not.", close=True, by="li", now=NOW), "answered"),
        (lambda: close(dispute.pk, by="li", now=NOW), "closed"),
    ):
        with pytest.raises(CannotDispute) as refusal:
            command()
        assert refusal.value.code == code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_dispute SET question = 'Something else'",
        "UPDATE invoices_dispute SET answer = 'Something else'",
        "UPDATE invoices_dispute SET closed_by = 'another'",
        "DELETE FROM invoices_dispute",
    ],
)
def test_the_database_keeps_what_was_asked_and_answered(invoice: Invoice, statement: str) -> None:
    dispute = ask(invoice.pk, "Why?", via="page", now=NOW)
    answer(dispute.pk, "Because.", close=True, by="li", now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_draft_is_not_asked_about(contract: Any) -> None:
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), NOW)
    with pytest.raises(Refused, match="issued"):
        ask(draft.pk, "Why?", via="page", now=NOW)


def test_the_api_asks_and_reads_the_answer(invoice: Invoice, key: str, client: Client) -> None:
    address, known = f"/api/v1/invoices/{invoice.number}/questions", {"headers": {"Authorization": f"Bearer {key}"}}
    asked = client.post(
        address, {"question": "Why?", "line": "talk.tier-1", "name": "Wang"}, content_type="application/json", **known
    )
    assert asked.status_code == 201, asked.content
    assert asked.json() | {"asked_at": ""} == {
        "id": Dispute.objects.get().pk, "line": "talk.tier-1", "question": "Why?", "name": "Wang", "state": "open",
        "asked_at": "", "answer": None, "answered_at": None, "closed_at": None,
    }  # fmt: skip
    answer(Dispute.objects.get().pk, "Because.", close=True, by="li", now=NOW)
    (item,) = client.get(address, **known).json()["items"]
    assert (item["state"], item["answer"]) == ("closed", "Because.")
    for body, status, pointer in (
        ({"question": ""}, 400, "/question"),
        ({"question": "Why?", "line": "other"}, 422, "/line"),
        ({"question": "Why?", "cc": "x"}, 400, "/cc"),
        ({"question": "x" * 2001}, 400, "/question"),
    ):
        wrong = client.post(address, body, content_type="application/json", **known)
        assert (wrong.status_code, wrong.json().get("pointer")) == (status, pointer), wrong.content


@pytest.mark.parametrize(("language", "word"), [("en", "Answer and close"), ("zh-hans", "答复并办结")])
def test_finance_answers_in_the_admin_and_who_may_only_look_does_not(
    invoice: Invoice, admin_user: User, language: str, word: str
) -> None:
    dispute = ask(invoice.pk, "Why?", line="talk.tier-1", via="page", now=NOW)
    address = f"/admin/invoices/dispute/{dispute.pk}/change/"
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_dispute"))
    client = Client(headers={"Accept-Language": language})
    client.force_login(looker)
    assert word not in client.get(address).content.decode()
    assert client.post(address, {"do": "answer", "answer": "x"}).status_code == 403
    client.force_login(admin_user)
    page = client.get(address).content.decode()
    assert word in page
    client.post(address, {"do": "answer", "answer": " "})
    assert Dispute.objects.get().answered_at is None
    client.post(address, {"do": "answer", "answer": "Because."})
    client.post(address, {"do": "close"})
    done = Dispute.objects.get()
    assert (done.answer, done.answered_by, done.closed_by) == ("Because.", "admin", "admin")
    for place in ("dispute/", "dispute/?state=open", f"invoice/{invoice.pk}/change/", "receivable/"):
        assert client.get(f"/admin/invoices/{place}").status_code == 200, place
