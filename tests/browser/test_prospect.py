"""Finance tries model contracts for somebody who has no calls here yet, by a profile or a table, on a desk and a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenants.catalogue import entries
from tests.browser.pictures import looked_at

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "call_id,direction,started_at,answered_at,ended_at\n"
CALL = "{0},outbound,2026-10-03T10:00:00+08:00,2026-10-03T10:00:00+08:00,2026-10-03T10:02:00+08:00\n"
PAGE = "/admin/invoices/invoice/prospect/"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_profile_is_compared(admin_page: Any, live_server: Any, language: str, width: int) -> None:
    admin_page.set_extra_http_headers({"Accept-Language": language})
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/tenants/contract/")
    admin_page.goto(f"{live_server.url}{admin_page.get_attribute('a[href*=to-prospect]', 'href')}")
    admin_page.fill("#id_calls_per_day", "100")
    admin_page.fill("#id_lengths", "60:50%，120：50")
    for code in ("outbound-minutes", "model-calls"):
        admin_page.check(f"input[name=contracts][value={code}]")
    admin_page.click("form button.ed-main")
    assert admin_page.locator("#advice li").count() > 2
    assert admin_page.locator(".desk-bars tbody tr").count() == 2
    looked_at(admin_page, f"prospect-{language}-{width}")


def test_a_table_is_compared_on_all_contracts_and_its_wrong_lines_are_named(
    admin_page: Any, live_server: Any, tmp_path: Path
) -> None:
    table, wrong = tmp_path / "calls.csv", tmp_path / "wrong.csv"
    table.write_text(HEADER + "".join(CALL.format(number) for number in range(40)))
    wrong.write_text(HEADER + CALL.format(1) + "x,sideways,,,\n")
    admin_page.goto(f"{live_server.url}{PAGE}")
    admin_page.set_input_files("#id_table", wrong)
    admin_page.click("form button.ed-main")
    assert "line 3" in admin_page.inner_text("[role=alert]")
    admin_page.set_input_files("#id_table", table)
    admin_page.click("form button.ed-main")
    assert admin_page.locator("[role=alert]").count() == 0
    assert admin_page.locator(".desk-bars tbody tr").count() == 8
    row = admin_page.locator("table.ed-figures tbody tr").first.inner_text().split()
    assert row[:3] == ["2026-10", "40", "80"]


def test_more_than_can_be_counted_at_once_has_to_be_chosen(client: Any, admin_user: Any) -> None:
    client.force_login(admin_user)
    right = {"calls_per_day": "3000", "lengths": "60:100%", "peak": "70", "zone": "Asia/Shanghai", "seats": "0"}
    answer = client.post(PAGE, right, headers={"Accept-Language": "en"})
    assert "tried on at most 8 contracts at a time: choose them." in str(answer.context["form"].errors)
    answer = client.post(PAGE, right | {"contracts": list(entries())[:9]}, headers={"Accept-Language": "en"})
    assert "Choose at most 8 contracts." in str(answer.context["form"].errors)


@pytest.mark.parametrize(
    ("field", "told", "says"),
    [
        ("calls_per_day", "", "one of the two"),
        ("calls_per_day", "3001", "3000"),
        ("lengths", "a minute", "such as 30:60%"),
        ("lengths", "60:50%", "add up to 1"),
        ("lengths", "", "add up to 1"),
        ("lengths", "0:100%", "1 to 86400 seconds"),
        ("peak", "101", "100"),
        ("zone", "Shanghai", "no time zone Shanghai"),
        ("seats", "-1", "0"),
        ("seats", "", "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Any, admin_user: Any, field: str, told: str, says: str) -> None:
    client.force_login(admin_user)
    right = {"calls_per_day": "10", "lengths": "60:100%", "peak": "70", "zone": "Asia/Shanghai", "seats": "0"}
    answer = client.post(PAGE, right | {field: told}, headers={"Accept-Language": "en"})
    assert says in " ".join(message for told in answer.context["form"].errors.values() for message in told)
