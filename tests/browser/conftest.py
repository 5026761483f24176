"""Debian's Chromium, driven by Playwright. Without a browser these tests are skipped, but not in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

# Playwright keeps an event loop in the test's thread, where Django would otherwise refuse to work.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Nothing of the browser's own may go out to the network, nor need a sandbox that containers lack.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(autouse=True)
def _browser_is_there() -> None:
    if BROWSER is None:
        message = "No Chromium; apt-get install chromium."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return browser_type_launch_args | {"executable_path": BROWSER, "args": ARGUMENTS}


@pytest.fixture
def page(page: Any) -> Any:
    """A page whose clicks and keys return when the page they lead to is whole: Playwright returns at its first byte."""
    for name in ("click", "press"):
        setattr(page, name, _until_loaded(page, getattr(page, name)))
    return page


def _until_loaded(page: Any, act: Callable[..., None]) -> Callable[..., None]:
    def acted(*args: Any, **kwargs: Any) -> None:
        act(*args, **kwargs)
        page.wait_for_load_state()

    return acted


@pytest.fixture
def staff(transactional_db: None) -> User:
    return User.objects.create_superuser("li", "li@huadan.example", "a-long-password-1")


@pytest.fixture
def admin_page(page: Any, live_server: Any, staff: User) -> Any:
    """A page on which Li has logged in to the admin by hand; every error in its console fails the test."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_server.url}/admin/")
    page.fill("input[name=username]", "li")
    page.fill("input[name=password]", "a-long-password-1")
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    yield page
    assert faults == []
