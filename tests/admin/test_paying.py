"""Money in the admin: recorded, allocated, imported, written off by two; each wrong entry is a sentence, in Chinese too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from invoices.models import BankFile, Payment, Receivable, Refund, WriteOff
from tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)
CSV = "Date,Amount,Payer,Description,Reference\n2026-11-20,70,Northern Express,,r1\n2026-11-20,5,someone,,r2\n"


@pytest.fixture(params=["en", "zh-hans"])
def staff(request: Any, admin_user: User) -> Any:
    client = Client(headers={"Accept-Language": request.param})
    client.force_login(admin_user)
    client.language = request.param
    return client


def say(client: Any, english: str, chinese: str) -> str:
    return english if client.language == "en" else chinese


def record(client: Any, **more: Any) -> Any:
    form = {"tenant": "north", "amount": "100.00", "on": "2026-11-20", "reference": "b-1"} | more
    return client.post("/admin/invoices/payment/add/", form, follow=True)


def test_a_payment_is_recorded_and_the_oldest_invoice_is_proposed(staff: Any, bill: Any) -> None:
    new, old = bill("100", 30), bill("70", 3)
    page = record(staff, tenant="north · 北方速运")
    payment = Payment.objects.get()
    assert payment.rest == 100
    text = page.content.decode()
    assert f'name="amount-{old.pk}"' in text
    assert 'value="70.00"' in text
    assert 'value="30.00"' in text
    assert say(staff, "Allocate what is left", "核销剩余金额") in text
    form = {"do": "allocate", f"amount-{old.pk}": "70.00", f"amount-{new.pk}": "1,0.5"}
    text = staff.post(f"/admin/invoices/payment/{payment.pk}/change/", form, follow=True).content.decode()
    assert Receivable.objects.get(invoice=new).settled == Decimal("10.5")
    text = staff.post(f"/admin/invoices/payment/{payment.pk}/change/", {"do": str(old.pk), "reason": "x"}, follow=True)
    assert Receivable.objects.get(invoice=old).open == 70
    staff.post(f"/admin/invoices/payment/{payment.pk}/change/", {"do": "reverse", "reason": "bounced"})
    assert Payment.objects.get().reversed
    for path in ("payment/", "ledgerentry/", "invoice/", "invoice/?payment=overdue", f"invoice/{old.pk}/change/"):
        assert staff.get(f"/admin/invoices/{path}").status_code == 200, path
    assert staff.get(f"/admin/invoices/payment/{payment.pk}/change/").status_code == 200
    assert staff.get(f"/admin/invoices/ledgerentry/{payment.entries.first().pk}/change/").status_code == 200


def test_money_is_set_off_and_paid_back_by_two(staff: Any, bill: Any) -> None:
    owed, favour = bill("70", 3), bill("-100")
    page = staff.get(f"/admin/invoices/invoice/{favour.pk}/change/").content.decode()
    address = f"/admin/invoices/receivable/set-off/{favour.pk}/"
    assert address in page
    assert 'value="70.00"' in staff.get(address).content.decode()
    text = staff.post(address, {"do": "set-off", f"amount-{owed.pk}": "80"}).content.decode()
    assert say(staff, "is open of this invoice", "未付金额") in text
    staff.post(address, {"do": "set-off", f"amount-{owed.pk}": "70"})
    assert Receivable.objects.get(invoice=favour).open == -30
    staff.post(address, {"do": str(owed.pk), "reason": "Wrong one"})
    assert Receivable.objects.get(invoice=owed).open == 70

    ask = f"/admin/invoices/refund/tenant/{favour.tenant_id}/"
    assert ask in staff.get(f"/admin/invoices/receivable/statement/{favour.tenant_id}/").content.decode()
    text = staff.post(ask, {"amount": "101", "reason": "x"}).content.decode()
    assert say(staff, "stands in the tenant", "该租户可退余额") in text
    staff.post(ask, {"amount": "100", "reason": "Contract ended"})
    asked = Refund.objects.get()
    address = f"/admin/invoices/refund/{asked.pk}/change/"
    assert say(staff, "another person decides", "由另一人") in staff.get(address).content.decode()
    Refund.objects.update(requested_by="another")
    staff.post(address, {"decision": "approve", "reference": ""})
    assert Refund.objects.get().approved is None
    staff.post(address, {"decision": "approve", "reference": "T-9"})
    assert Receivable.objects.get(invoice=favour).open == 0
    for path in (address, "/admin/invoices/refund/", "/admin/invoices/ledgerentry/"):
        assert "100" in staff.get(path).content.decode(), path


@pytest.mark.parametrize(
    ("form", "english", "chinese"),
    [
        ({"amount": "much"}, "is no amount", "不是金额"),
        ({"amount": "0"}, "above 0", "大于 0"),
        ({"on": "soon"}, "Write the day", "请填写日期"),
        ({"on": "2999-01-01"}, "not one to come", "不能晚于今天"),
        ({"tenant": "nobody"}, "write its code", "填写租户代码"),
    ],
)
def test_a_wrong_entry_is_a_sentence_and_what_was_written_stays(
    staff: Any, bill: Any, form: Any, english: str, chinese: str
) -> None:
    text = record(staff, **form).content.decode()
    assert say(staff, english, chinese) in text
    assert 'value="b-1"' in text
    assert not Payment.objects.exists()


def test_a_bank_file_is_imported_once_and_its_rows_are_confirmed(staff: Any, bill: Any, seller: Any) -> None:
    invoice = bill("70")
    for _time in range(2):
        upload = SimpleUploadedFile("nov.csv", CSV.encode(), content_type="text/csv")
        page = staff.post("/admin/invoices/bankfile/add/", {"file": upload, "seller": "hd"}, follow=True)
    assert say(staff, "imported already", "已导入") in page.content.decode()
    file = BankFile.objects.get()
    address = f"/admin/invoices/bankfile/{file.pk}/change/"
    text = staff.get(address).content.decode()
    assert "north · " in text
    assert f"{invoice.number} · 70.00" in text
    first, second = file.lines.order_by("position")
    form = {
        "do": "confirm", "line": [first.pk, second.pk], f"tenant-{first.pk}": "north",
        f"proposed-{first.pk}": invoice.tenant_id, f"amounts-{first.pk}": f"{invoice.pk}=70.000", f"tenant-{second.pk}": "",
    }  # fmt: skip
    text = staff.post(address, form, follow=True).content.decode()
    assert say(staff, "write its code", "填写租户代码") in text
    assert Receivable.objects.get(invoice=invoice).open == 0
    staff.post(address, {"do": f"ignore-{second.pk}"})
    assert set(file.lines.values_list("state", flat=True)) == {"recorded", "ignored"}
    assert staff.get("/admin/invoices/bankfile/").status_code == 200
    assert staff.get("/admin/invoices/bankformat/add/").status_code == 200


def test_a_write_off_needs_another_person(staff: Any, bill: Any, admin_user: User) -> None:
    invoice = bill("70")
    ask = f"/admin/invoices/writeoff/invoice/{invoice.pk}/"
    assert staff.get(ask).status_code == 200
    assert say(staff, "Say why", "请说明") in staff.post(ask, {"amount": "70"}, follow=True).content.decode()
    staff.post(ask, {"amount": "70", "reason": "Insolvent"})
    asked = WriteOff.objects.get()
    page = f"/admin/invoices/writeoff/{asked.pk}/change/"
    assert say(staff, "another person decides", "另一人") in staff.get(page).content.decode()
    refused = staff.post(page, {"decision": "approve"}, follow=True).content.decode()
    assert say(staff, "Another person", "另一人") in refused
    assert WriteOff.objects.get().approved is None
    other = User.objects.create_superuser("chen", "c@huadan.example", "a-long-password-1")
    client = Client(headers={"Accept-Language": staff.language})
    client.force_login(other)
    client.post(page, {"decision": "approve"})
    assert Receivable.objects.get().state(NOW.date()) == "written_off"
    assert client.get(page).status_code == 200


def test_who_may_only_look_changes_nothing(bill: Any, client: Any) -> None:
    invoice = bill("70")
    clerk = User.objects.create_user("viewer", "v@huadan.example", "a-long-password-1", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(clerk)
    assert record(client).status_code == 403
    assert client.get("/admin/invoices/bankfile/add/").status_code == 403
    assert client.get(f"/admin/invoices/writeoff/invoice/{invoice.pk}/").status_code == 403
    assert client.get("/admin/invoices/payment/").status_code == 200
