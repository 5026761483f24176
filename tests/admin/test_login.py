"""Staff come in with a password and a code, are locked out when they guess, and prove themselves again before money moves."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.translation import override
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken

from billing import acting
from billing.login_pages import PROOF, PROVED_AT
from billing.models import Lockout, Preference, Telephone
from invoices.models import TrailEntry, WriteOff

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"


@pytest.fixture
def wang(settings: Any) -> User:
    settings.STAFF_TOTP = True
    user = User.objects.create_user("wang", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="billing clerk"))
    return user


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"Accept-Language": "en"})


def log_in(visitor: Client, name: str = "wang", password: str = PASSWORD) -> Any:
    return visitor.post("/admin/login/?next=/admin/", {"username": name, "password": password}, follow=True)


def code_of(user: User, later: int = 0) -> str:
    """Make the code that the person's telephone shows now, or some steps of 30 s later."""
    device = Telephone.objects.filter(user=user).latest("pk")
    telephone = TOTP(device.bin_key)
    telephone.time = time.time() + 30 * later
    return f"{telephone.token():06d}"


def enrol(visitor: Client, user: User) -> list[str]:
    log_in(visitor)
    page = visitor.post("/admin/enrol/", {"code": code_of(user)}).content.decode()
    return re.findall(r"<code>([a-z2-9]{5}-[a-z2-9]{5})</code>", page)


def test_without_a_telephone_one_sees_nothing_but_the_enrolment(visitor: Client, wang: User) -> None:
    page = log_in(visitor)
    assert page.redirect_chain[-1][0].startswith("/admin/enrol/")
    text = page.content.decode()
    assert "<svg" in text
    key = re.findall(r"<code>([A-Z2-7]+=*)</code>", text)
    assert len(key) == 1
    for address in ("/admin/", "/admin/invoices/invoice/", "/admin/own-settings/", "/admin/password_change/"):
        assert visitor.get(address)["Location"] == f"/admin/enrol/?next={address}"
    assert "does not count" in visitor.post("/admin/enrol/", {"code": "000000"}).content.decode()


def test_the_first_code_enrols_and_shows_ten_recovery_codes_once(visitor: Client, wang: User) -> None:
    codes = enrol(visitor, wang)
    assert len(set(codes)) == 10
    assert visitor.get("/admin/").status_code == 200
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == 10
    assert not stored & {each.replace("-", "") for each in codes} | stored & set(codes)
    assert codes[0] not in visitor.get("/admin/enrol/").content.decode()


def test_the_next_login_asks_for_a_code_and_each_counts_once(visitor: Client, wang: User) -> None:
    codes = enrol(visitor, wang)
    other = Client(headers={"Accept-Language": "en"})
    page = log_in(other)
    assert page.redirect_chain[-1][0] == "/admin/code/?next=/admin/"
    assert other.get("/admin/enrol/")["Location"] == "/admin/code/"
    assert "does not count" in other.post("/admin/code/", {"code": codes[0][:-1] + "1"}).content.decode()
    Telephone.objects.update(throttling_failure_count=0)
    assert (
        other.post("/admin/code/", {"code": code_of(wang, 1), "next": "https://evil.example/"})["Location"] == "/admin/"
    )
    assert other.get("/admin/").status_code == 200

    third = Client(headers={"Accept-Language": "en"})
    log_in(third)
    assert third.post("/admin/code/", {"code": code_of(wang, 1)}).status_code == 200, "a code was taken twice"
    wang.staticdevice_set.update(throttling_failure_count=0)
    assert third.post("/admin/code/", {"code": codes[3].upper()}).status_code == 302
    assert third.get("/admin/").status_code == 200
    fourth = Client()
    log_in(fourth)
    assert fourth.post("/admin/code/", {"code": codes[3]}).status_code == 200, "a recovery code was taken twice"


def test_one_may_log_out_in_between(visitor: Client, wang: User) -> None:
    log_in(visitor)
    visitor.post("/admin/logout/")
    assert "/admin/login/" in visitor.get("/admin/")["Location"]


def test_an_administrator_resets_a_second_factor_for_a_reason(visitor: Client, wang: User, settings: Any) -> None:
    enrol(visitor, wang)
    settings.STAFF_TOTP = False
    boss = User.objects.create_user("boss", is_staff=True)
    boss.groups.add(Group.objects.get(name="administrator"))
    desk = Client(headers={"Accept-Language": "en"})
    desk.force_login(boss)
    address = f"/admin/auth/user/{wang.pk}/reset-factor/"
    assert address in desk.get(f"/admin/auth/user/{wang.pk}/change/").content.decode()
    assert "Say why" in desk.post(address, {"reason": " "}).content.decode()
    assert Telephone.objects.filter(user=wang).exists()
    desk.post(address, {"reason": "Telephone lost, asked in person."})
    assert not Telephone.objects.filter(user=wang).exists()
    assert "asked in person" in LogEntry.objects.get().change_message
    told = TrailEntry.objects.get(table_name="otp_totp_totpdevice", what="removed")
    assert (told.door, told.who, told.why) == ("admin", "boss", "Telephone lost, asked in person.")
    settings.STAFF_TOTP = True
    assert visitor.get("/admin/")["Location"].startswith("/admin/enrol/")


def test_who_guesses_is_locked_out_until_an_administrator_unlocks(visitor: Client, wang: User, settings: Any) -> None:
    for _each in range(4):
        assert log_in(visitor, password="guess").status_code == 200
    locked = log_in(visitor, password="guess")
    assert locked.status_code == 429
    assert "Wait 15 minutes" in locked.content.decode()
    assert log_in(visitor).status_code == 429, "the right password opens a lock"
    with override(None):
        assert "请等待 15 分钟" in Client(headers={"Accept-Language": "zh-CN"}).post("/admin/login/?next=/admin/", {"username": "wang", "password": "guess"}).content.decode()  # fmt: skip
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert log_in(elsewhere).status_code == 200, "a stranger locks somebody out everywhere"

    settings.STAFF_TOTP = False
    boss = User.objects.create_user("boss", is_staff=True)
    boss.groups.add(Group.objects.get(name="administrator"))
    desk = Client(headers={"Accept-Language": "en"})
    desk.force_login(boss)
    page = desk.post("/admin/billing/lockout/", {"action": "unlock", "_selected_action": Lockout.objects.get().pk}, follow=True)  # fmt: skip
    assert "Unlocked: wang." in page.content.decode()
    told = TrailEntry.objects.get(table_name="billing_unlocking")
    assert (told.what, told.door, told.who) == ("added", "admin", "boss")
    assert (told.after["username"], told.after["failures"]) == ("wang", 7)
    assert not Lockout.objects.exists()
    assert log_in(visitor).status_code == 200


def test_before_money_moves_the_password_is_asked_again_and_nothing_is_written_twice(visitor: Client, wang: User, bill: Any, settings: Any) -> None:  # fmt: skip
    settings.STAFF_TOTP = False
    invoice = bill("100")
    visitor.force_login(wang)
    address = f"/admin/invoices/writeoff/invoice/{invoice.pk}/"
    session = visitor.session
    session[PROVED_AT] = time.time() - settings.REAUTHENTICATE_SECONDS - 1
    session.save()
    wish = {"amount": "10", "reason": 'Agreed "today"'}
    asked = visitor.post(address, wish)
    assert not WriteOff.objects.exists()
    kept = dict(re.findall(r'<input type="hidden"\s+name="(amount|reason)"\s+value="([^"]*)"', asked.content.decode()))
    assert kept == {"amount": "10", "reason": "Agreed &quot;today&quot;"}
    wrong = visitor.post(address, wish | {PROOF: "guess"})
    assert "neither your password" in wrong.content.decode()
    assert not WriteOff.objects.exists()
    assert visitor.get(address).status_code == 200, "reading needs no proof"
    assert visitor.post(address, wish | {PROOF: PASSWORD}).status_code == 302
    assert WriteOff.objects.get().reason == 'Agreed "today"'


def test_the_session_ends_after_its_hours(visitor: Client, wang: User, settings: Any) -> None:
    settings.STAFF_TOTP, settings.SESSION_COOKIE_AGE = False, 1
    log_in(visitor)
    assert visitor.get("/admin/").status_code == 200
    time.sleep(1.1)
    assert "/admin/login/" in visitor.get("/admin/")["Location"]


def test_the_admin_is_on_its_own_host_alone(visitor: Client, wang: User, settings: Any) -> None:
    settings.ADMIN_HOST, settings.ALLOWED_HOSTS = "office.example", ["office.example", "testserver"]
    assert visitor.get("/admin/login/").status_code == 404
    assert visitor.get("/admin/login/", headers={"Host": "office.example"}).status_code == 200


def test_the_trail_knows_the_admin_wherever_it_lies(wang: User, rf: Any, settings: Any) -> None:
    settings.ADMIN_PATH = "back-office/"
    request = rf.post("/back-office/tenants/tenant/", {"reason": "Telephone lost."})
    request.user = wang
    acting.act_for(request)
    try:
        User.objects.update(first_name="Wang")
    finally:
        acting.stop_acting()
    told = TrailEntry.objects.filter(table_name="auth_user").latest("pk")
    assert (told.door, told.who, told.why) == ("admin", "wang", "Telephone lost.")


def test_the_person_s_language_and_theme_hold_whatever_the_browser_says(wang: User, settings: Any) -> None:
    settings.STAFF_TOTP = False
    first = Client(headers={"Accept-Language": "en"})
    first.force_login(wang)
    assert "/admin/own-settings/" in first.get("/admin/").content.decode()
    kept = first.post("/admin/own-settings/", {"language": "zh-hans", "theme": "dark"}, follow=True).content.decode()
    assert "已保存" in kept
    assert Preference.objects.get().theme == "dark"
    other = Client(headers={"Accept-Language": "en"})
    other.force_login(wang)
    page = other.get("/admin/").content.decode()
    assert "租户与合同" in page
    assert "theme('dark')" in page
    other.post("/admin/own-settings/", {"language": "", "theme": ""})
    page = other.get("/admin/").content.decode()
    assert "Tenants and contracts" in page
    assert "theme('dark')" not in page
    assert other.post("/admin/own-settings/", {"language": "xx", "theme": "dark"}).status_code == 200
    assert Preference.objects.get().language == ""
