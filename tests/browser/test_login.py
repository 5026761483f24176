"""A person enrols a telephone, comes in with its code, is locked out when guessing, and reads in their own language."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django_otp.oath import TOTP

from billing.models import Telephone

PASSWORD = "a-long-password-1"
WORDS = {
    "en": (
        "Take this picture in",
        "Recovery codes",
        "Write the six digits that your authenticator shows",
        "Wait 15 minutes",
    ),
    "zh-CN": ("扫描下面的二维码", "恢复码", "请输入验证器当前显示的六位数字", "请等待 15 分钟"),
}


def code_of(user: User, later: int = 0) -> str:
    telephone = TOTP(Telephone.objects.get(user=user).bin_key)
    telephone.time = time.time() + 30 * later
    return f"{telephone.token():06d}"


def log_in(page: Any, password: str = PASSWORD) -> None:
    page.fill("input[name=username]", "li")
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("zh-CN", 390)])
def test_from_the_first_login_to_the_lock(
    page: Any, live_server: Any, staff: User, settings: Any, language: str, width: int, tmp_path: Path
) -> None:
    settings.STAFF_TOTP = True
    take, recovery, digits, wait = WORDS[language]
    page.set_extra_http_headers({"Accept-Language": language})
    page.set_viewport_size({"width": width, "height": 900})

    def seen(name: str) -> None:
        page.screenshot(path=tmp_path / f"login-{name}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"

    page.goto(f"{live_server.url}/admin/invoices/invoice/")
    log_in(page)
    assert take in page.inner_text("body")
    assert page.locator(".st-picture svg").bounding_box()["width"] > 150
    seen("enrol")
    page.fill("#code", code_of(staff))
    page.press("#code", "Enter")
    assert recovery in page.inner_text("body")
    codes = re.findall(r"[a-z2-9]{5}-[a-z2-9]{5}", page.inner_text(".st-codes"))
    assert len(codes) == 10
    seen("recovery")
    page.click("a.st-main")
    assert page.url.endswith("/admin/invoices/invoice/")

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/")
    log_in(page)
    assert digits in page.inner_text("body")
    seen("code")
    page.fill("#code", codes[0])
    page.press("#code", "Enter")
    page.wait_for_url("**/admin/")

    page.goto(f"{live_server.url}/admin/own-settings/")
    page.check("input[value=dark]")
    page.check("input[value=zh-hans]")
    page.click("button.st-main")
    assert "已保存" in page.inner_text("body")
    assert page.evaluate("document.documentElement.classList.contains('dark')")
    seen("own-settings")

    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/")
    for _each in range(5):
        log_in(page, "guess")
    assert wait in page.inner_text("body")
    seen("locked")
