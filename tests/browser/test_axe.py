"""The hosted page, its calls and its question form have no fault that axe calls serious or critical."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.links import token_of
from tests.conftest import call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("language", "width"), [("zh", 1280), ("zh", 390), ("en", 1280), ("en", 390)])
def test_the_tenants_pages_are_without_serious_faults(
    page: Any, live_server: Any, contract: Any, post: Any, language: str, width: int
) -> None:
    post(call_of(1), call_of(2))
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), datetime.now(UTC))
    address = f"{live_server.url}/i/{token_of(issue_by_two(draft.pk, datetime.now(UTC)))}"
    page.set_viewport_size({"width": width, "height": 900})
    for place in ("", "/question"):
        page.goto(f"{address}{place}?language={language}")
        assert faults(page) == []
    page.goto(f"{address}?language={language}")
    page.click("a[href*='/calls']")
    assert faults(page) == []


def faults(page: Any) -> list[tuple[str, str]]:
    """Name the rules broken with each element's markup."""
    found = Axe().run(page).response["violations"]
    return [
        (each["id"], node["html"])
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
