"""A tenant is chosen by typing, on a list's filter and on a page over calls, by keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("language", "width"), [("zh", 390), ("en", 1280)])
def test_a_tenant_is_chosen_by_typing_a_part_of_its_code(
    admin_page: Any, live_server: Any, contract: Any, language: str, width: int
) -> None:
    tenant = contract.tenant
    other = type(tenant).objects.create(
        seller=tenant.seller, code="another", name_zh="另一个", name_en="Another", currency="CNY", zone="Asia/Shanghai"
    )
    admin_page.set_extra_http_headers({"Accept-Language": {"zh": "zh-CN", "en": "en"}[language]})
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.goto(f"{live_server.url}{reverse('admin:usage_calllisting_changelist')}")
    admin_page.focus(".ask-tenant .select2-selection")
    admin_page.keyboard.press("Enter")
    admin_page.wait_for_selector(".select2-search__field:focus")  # a key before that goes nowhere
    admin_page.keyboard.type("anoth")
    admin_page.wait_for_selector(".select2-results__option--highlighted")
    admin_page.wait_for_function("document.querySelectorAll('.select2-results__option').length === 1")
    admin_page.keyboard.press("Enter")
    admin_page.click(".listing .asking button[type=submit]")
    assert f"tenant={other.pk}" in admin_page.url
    assert {"zh": "另一个", "en": "Another"}[language] in admin_page.inner_text(".ask-tenant")
