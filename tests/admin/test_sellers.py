"""Finance sets up a seller with everything that its invoices show."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tenants.models import Seller

pytestmark = pytest.mark.django_db
FIELDS = {
    "code": "yt", "name_zh": "云通", "name_en": "Yuntong", "email": "billing@yt.example", "payment_days": 15,
    "notice_days": 30, "grace_days": 2, "number_pattern": "YT-{year}-{number:06d}", "reminder_days": "3,14", "country": "CN",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


def add(client: Any, **changes: Any) -> str:
    answer = client.post("/admin/tenants/seller/add/", FIELDS | changes, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_seller_is_set_up_with_its_logo(admin_client: Any) -> None:
    add(admin_client, picture=SimpleUploadedFile("logo.png", PNG))
    seller = Seller.objects.get(code="yt")
    assert bytes(seller.logo) == PNG
    assert seller.number_pattern == "YT-{year}-{number:06d}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"picture": SimpleUploadedFile("logo.gif", b"GIF89a")}, "PNG or SVG file of at most 256 KiB"),
        ({"number_pattern": "YT-{number}"}, "Write {year} and {number:06d}"),
        ({"tax_id": "91310000MA1K4XBX00"}, "does not fit the rest"),
    ],
)
def test_a_wrong_field_gets_a_sentence_that_says_what_to_do(admin_client: Any, changes: Any, said: str) -> None:
    assert said in add(admin_client, **changes)
    assert not Seller.objects.exists()
