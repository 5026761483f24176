"""The menu leads to every page, in the order of what people do, and only where they may go."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from billing.navigation import TASKS, listed

pytestmark = pytest.mark.django_db


def test_every_page_of_the_admin_is_in_the_menu_once() -> None:
    registered = {f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry}
    assert listed() == registered
    assert len([page for _title, pages in TASKS for page in pages]) == len(registered)


def test_a_person_sees_the_pages_they_may_see(client: Any) -> None:
    viewer = User.objects.create_user("zhou", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_payment"))
    client.force_login(viewer)
    page = client.get("/admin/").content.decode()
    assert "/admin/invoices/payment/" in page
    assert "/admin/invoices/closerun/" not in page
    assert "/admin/auth/user/" not in page


def test_no_two_addresses_of_the_admin_bear_one_name() -> None:
    names = [pattern.name for page in site._registry.values() for pattern in page.get_urls() if pattern.name]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_a_credit_note_has_its_pdf_under_its_own_name(client: Any) -> None:
    assert reverse("admin:invoices_invoice_pdf", args=[1]) == "/admin/invoices/invoice/1/pdf/"
    assert reverse("admin:invoices_creditnote_pdf", args=[1]) == "/admin/invoices/creditnote/1/pdf/"
    assert reverse("admin:invoices_what_if", args=[1]) == "/admin/invoices/invoice/what-if/1/"
