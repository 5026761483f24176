"""The books are checked on a button of the admin; the page shows how far it is and which rows are wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from invoices import auditing
from invoices.models import BooksCheck
from tests.admin.test_closes import staff
from tests.verbs.test_books import books, tamper  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: Any) -> None:
    monkeypatch.setattr("invoices.admin.books.check_books.delay", lambda: None)


def test_a_button_asks_and_the_page_tells(books: Any, admin_client: Any) -> None:  # noqa: F811
    tamper("UPDATE invoices_line SET amount = amount + 1")
    asked = admin_client.post("/admin/invoices/bookscheck/ask/")
    check = BooksCheck.objects.get()
    assert asked["Location"] == f"/admin/invoices/bookscheck/{check.pk}/change/"
    waiting = admin_client.get(asked["Location"], headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "data-live" in waiting
    assert "等待处理" in waiting
    auditing.run_check(check, datetime.now(UTC))
    shown = admin_client.get(asked["Location"], headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "data-live" not in shown
    assert "单据各行之和" in shown
    assert books.number in shown
    listed = admin_client.get("/admin/invoices/bookscheck/", headers={"Accept-Language": "en"}).content.decode()
    assert "3 invariants do not hold" in listed
    assert "The last check found something" in admin_client.get("/admin/invoices/bookscheck/ask/").content.decode()


def test_who_may_only_look_asks_for_nothing(books: Any) -> None:  # noqa: F811
    assert staff("view_bookscheck").post("/admin/invoices/bookscheck/ask/").status_code == 403
    assert not BooksCheck.objects.exists()
