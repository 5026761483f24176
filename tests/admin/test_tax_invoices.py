"""Finance asks for tax invoices for a span of days and keeps what comes back; each wrong entry is a sentence."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.models import Invoice, TableExport, TaxInvoice
from tenants.models import TaxCode
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = "26312000000000000001"


@pytest.fixture(params=["en", "zh-hans"])
def staff(request: Any, admin_user: User) -> Any:
    client = Client(headers={"Accept-Language": request.param})
    client.force_login(admin_user)
    client.chinese = request.param != "en"
    return client


@pytest.fixture
def invoice(tenant: Any, contract: Any, post: Any) -> Invoice:
    tenant.tax_id = "91310000MA1K4XBX03"
    tenant.save()
    post(*(call_of(number) for number in range(1, 6)))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


def batch(client: Any, **more: str) -> Any:
    form = {"seller": "hd", "first": "2026-11-01", "last": "2026-11-30", "form": "json"} | more
    return client.post("/admin/invoices/taxinvoice/add/", form)


def test_those_of_a_span_of_days_are_asked_for_once(staff: Any, invoice: Invoice) -> None:
    assert staff.get("/admin/invoices/taxinvoice/add/").status_code == 200
    told = json.loads(batch(staff).content)
    assert [each["serial"] for each in told["requests"]] == [invoice.number]
    assert TableExport.objects.get().by == "admin"
    text = batch(staff).content.decode()
    assert ("没有需要申请开票" if staff.chinese else "Nothing of these days") in text
    file = b"".join(batch(staff, again="1", form="xlsx").streaming_content)
    assert file.startswith(b"PK")
    assert staff.get("/admin/invoices/taxinvoice/").status_code == 200
    page = staff.get("/admin/invoices/tableexport/").content.decode()
    assert ("数电票开票申请" if staff.chinese else "requests for tax invoices") in page


def test_days_without_any_say_so(staff: Any, invoice: Invoice) -> None:
    page = batch(staff, last="2026-11-02").content.decode()
    assert ("没有需要申请开票" if staff.chinese else "Nothing of these days") in page


def test_what_came_back_is_kept_on_the_documents_page(staff: Any, invoice: Invoice) -> None:
    address = f"/admin/invoices/taxinvoice/invoice/{invoice.pk}/"
    page = staff.get(address).content.decode()
    assert "91310000MA1K4XBX03" in page
    assert "3040203000000000000" in page
    assert staff.post(address, {"do": "xlsx"}).status_code == 200
    form = {"do": "keep", "number": "12", "issued_on": "2026-11-20"}
    page = staff.post(address, form).content.decode()
    assert ("20 位号码" if staff.chinese else "Write the 20 digits") in page
    assert 'value="12"' in page
    upload = SimpleUploadedFile("a.ofd", b"PK\x03\x04 ofd")
    page = staff.post(address, form | {"number": NUMBER, "file": upload}, follow=True).content.decode()
    assert f"{NUMBER}.ofd" in page
    kept = TaxInvoice.objects.get(what="received")
    assert staff.get(f"/admin/invoices/taxinvoice/{kept.pk}/file/").content == b"PK\x03\x04 ofd"
    assert staff.get(f"/admin/invoices/taxinvoice/{kept.pk}/change/").url == address
    page = staff.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    assert (f"数电票: {'已取得'}" if staff.chinese else "Tax invoice: received") in page
    red = form | {"do": "red", "number": NUMBER[::-1], "reason": "wrong title"}
    page = staff.post(address, red, follow=True).content.decode()
    assert ("已红冲" if staff.chinese else "red-cancelled") in page


def test_who_may_only_look_cannot_ask_or_keep(invoice: Invoice) -> None:
    viewer = User.objects.create_user("zhou", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_taxinvoice"))
    client = Client()
    client.force_login(viewer)
    address = f"/admin/invoices/taxinvoice/invoice/{invoice.pk}/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"do": "json"}).status_code == 403
    assert batch(client).status_code == 403


@pytest.mark.parametrize("code", ["304020300000000000", "0040203000000000000", "30402030000000000００", "a" * 19])
def test_a_tax_classification_code_has_19_digits(staff: Any, seller: Any, code: str) -> None:
    form = {"seller": seller.pk, "kind": "usage", "clause": "", "code": code}
    page = staff.post("/admin/tenants/taxcode/add/", form).content.decode()
    assert ("19 位" if staff.chinese else "Write the 19 digits") in page
    staff.post("/admin/tenants/taxcode/add/", form | {"code": "3040203000000000000"})
    assert TaxCode.objects.get().kind == "usage"
