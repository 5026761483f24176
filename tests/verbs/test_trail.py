"""The audit trail writes down every change of the control plane, whoever makes it, and names what was tampered with."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken

from billing import acting
from billing.second_factor import begin_enrolment, confirm
from invoices.models import EvidenceKey, TrailAnchor, TrailEntry, TrailSeal
from invoices.trail.sealing import anchor_days, seal_trail
from invoices.trail.verifying import Tampered, verify_trail
from invoices.trail.watching import NOT_WATCHED, install, is_watched, watched
from tenants.models import ApiKey, Contract, Seller, Tenant
from tests.conftest import call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
LATER = timedelta(minutes=5)


def now() -> datetime:
    return datetime.now(UTC) + LATER


def found() -> list[Tampered]:
    return list(verify_trail(now()))


def run(statement: str, *words: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, words or None)


def unseen(statement: str, *words: Any) -> None:
    """Change something as a superuser who has the triggers sleep."""
    if "SUPERUSER_URL" not in os.environ:
        pytest.skip("With a database of your own set SUPERUSER_URL too.")
    with psycopg.connect(os.environ["SUPERUSER_URL"], dbname=connection.settings_dict["NAME"]) as own:
        own.execute("SET session_replication_role = replica")
        own.execute(statement, words or None)  # type: ignore[arg-type]


def last(table: str) -> TrailEntry:
    return TrailEntry.objects.filter(table_name=table).order_by("-pk")[0]


def test_each_model_is_watched_or_named_with_its_reason() -> None:
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    installed = {label for label in NOT_WATCHED if apps.is_installed(label.partition(".")[0]) or label in labels}
    ours = {
        label for label in installed if label.partition(".")[0] in {"tenants", "usage", "invoices", "admin", "sessions"}
    }
    assert ours <= labels, "named, and there is no such model"
    assert all(len(reason) > 10 for reason in NOT_WATCHED.values())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger WHERE tgname LIKE 'trail\\_%' GROUP BY 1"
        )
        there = dict(cursor.fetchall())
    assert there == {each.table: 3 for each in watched()}
    assert not any(is_watched(apps.get_model(label)) for label in installed & labels)
    assert {
        "invoices_invoice",
        "tenants_contractversion",
        "tenants_apikey",
        "auth_user",
        "auth_user_groups",
    } <= there.keys()
    assert install() == [], "a second time changes nothing"


def test_an_entry_says_who_when_why_before_and_after(tenant: Tenant) -> None:
    acting.act(acting.ADMIN, lambda: "wáng 'x' */ 王", lambda: "The bank moved.\x00")
    try:
        tenant.bank_name = "ICBC"
        tenant.save()
    finally:
        acting.stop_acting()
    entry = last("tenants_tenant")
    assert (entry.key, entry.what, entry.door, entry.who, entry.why) == (
        str(tenant.pk), "changed", "admin", "wáng 'x' */ 王", "The bank moved.",
    )  # fmt: skip
    assert entry.before == {"bank_name": ""}
    assert entry.after["bank_name"] == "ICBC"
    assert entry.after["code"] == "north"
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_raw_sql_bulk_changes_and_removals_are_written_too(seller: Seller) -> None:
    Tenant.objects.bulk_create(
        Tenant(seller=seller, code=f"t{n}", name_zh="租", name_en="T", zone="UTC") for n in range(3)
    )
    run("UPDATE tenants_tenant SET phone = '1', code = code || 'x' WHERE code <> 't0'")
    run("UPDATE tenants_tenant SET phone = phone")
    run("UPDATE tenants_tenant SET id = id + 1000 WHERE code = 't0'")
    run("DELETE FROM tenants_tenant WHERE code = 't1x'")
    told = list(
        TrailEntry.objects.filter(table_name="tenants_tenant").order_by("pk").values_list("what", "door", "who")
    )
    assert [what for what, _door, _who in told] == ["added"] * 3 + ["changed"] * 2 + [
        "removed",
        "added",
        "removed",
    ] or [what for what, _door, _who in told] == ["added"] * 3 + ["changed"] * 2 + ["added", "removed", "removed"]
    assert {(door, who) for _what, door, who in told} == {("sql", "")}
    assert last("tenants_tenant").role
    assert last("tenants_tenant").before["code"] == "t1x"
    assert found() == []


def test_no_secret_stands_in_the_trail(tenant: Tenant) -> None:
    from tenants.keys import make_key

    user = User.objects.create_user("li", password="not-for-the-trail")
    clerks = Group.objects.create(name="clerks")
    user.groups.add(clerks)
    made, text = make_key(tenant, "switch", [ApiKey.READ])
    device = begin_enrolment(user)
    telephone = TOTP(device.bin_key)
    telephone.time = time.time()
    assert confirm(user, f"{telephone.token():06d}")
    secrets = [device.key, *StaticToken.objects.values_list("token", flat=True)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, ' ') FROM invoices_trailentry AS e")
        (told,) = cursor.fetchone()
    assert user.password not in told
    assert text not in told
    assert bytes(made.sha256).hex() not in told
    key, *recovery = secrets
    assert key not in told
    assert not [each for each in recovery if each in told]
    assert last("otp_totp_totpdevice").after["key"].startswith("sha256:")
    assert "token" not in last("otp_static_statictoken").after
    assert last("otp_static_statictoken").after["device_id"]
    assert last("auth_user").after["password"].startswith("sha256:")
    assert last("auth_user_groups").what == "added"
    clerks.delete()
    assert last("auth_user_groups").what == "removed"
    unseen("UPDATE auth_user SET password = 'pbkdf2:mine'")
    assert [(each.table, each.key) for each in found()] == [("auth_user", str(user.pk))]


def test_a_row_changed_put_in_or_taken_out_behind_the_triggers_is_named(contract: Contract, tenant: Tenant) -> None:
    assert found() == []
    unseen("UPDATE tenants_contract SET name_en = 'Mine'")
    unseen("INSERT INTO invoices_evidencekey (public_key, first_used_at) VALUES ('mine', now())")
    unseen("DELETE FROM tenants_contact")
    named = {each.table: each for each in found()}
    assert named.keys() == {"tenants_contract", "invoices_evidencekey", "tenants_contact"}
    assert 'name_en: "Contract" → "Mine"' in named["tenants_contract"].how
    assert "does not know" in named["invoices_evidencekey"].how
    assert "is gone" in named["tenants_contact"].how
    run("ALTER TABLE tenants_tenant DISABLE TRIGGER trail_changed")
    assert ("tenants_tenant", "*") in {(each.table, each.key) for each in found()}
    run("ALTER TABLE tenants_tenant ENABLE TRIGGER trail_changed")


@pytest.mark.parametrize(
    ("statement", "table", "how"),
    [
        ("UPDATE invoices_trailentry SET who = 'another' WHERE id = {id}", "invoices_trailentry", "changed after"),
        ("UPDATE invoices_trailentry SET at = at - interval '1 s' WHERE id = {id}", "invoices_trailentry", "changed after"),
        ("UPDATE invoices_trailentry SET before = '{{}}' WHERE id = {id}", "invoices_trailentry", "changed after"),
        ("DELETE FROM invoices_trailentry WHERE id = {id}", "invoices_trailentry", "missing"),
        ("UPDATE invoices_trailseal SET sealed_at = sealed_at - interval '1 s' WHERE number = 2", "invoices_trailseal", "follow"),
        ("UPDATE invoices_trailseal SET digests = digests || digests WHERE number = 2", "invoices_trailseal", "follow"),
        ("DELETE FROM invoices_trailseal WHERE number = 1", "invoices_trailseal", "missing"),
    ],
)  # fmt: skip
def test_a_changed_trail_is_named(tenant: Tenant, statement: str, table: str, how: str) -> None:
    entry = last("tenants_tenant")
    seal_trail()
    Tenant.objects.update(phone="2")
    seal_trail()
    assert found() == []
    run(statement.format(id=entry.pk))
    first = found()[0]
    assert first.table == table
    assert how in first.how


def test_an_entry_put_in_between_is_named(tenant: Tenant) -> None:
    taken = last("tenants_tenant")
    Tenant.objects.update(phone="2")
    with transaction.atomic():
        Tenant.objects.update(phone="3")
        rolled_back = last("tenants_tenant").pk
        transaction.set_rollback(True)
    Tenant.objects.update(phone="4")
    seal_trail()
    assert found() == []
    taken.pk, taken.what = rolled_back, "changed"
    taken.save(force_insert=True)
    assert [(each.table, each.key) for each in found()] == [("invoices_trailentry", str(rolled_back))]


def test_days_are_anchored_and_a_missing_or_moved_anchor_is_named(tenant: Tenant) -> None:
    seal_trail()
    today = datetime.now(UTC).date()
    made = anchor_days(today + timedelta(days=4))
    assert [each.day for each in made] == [today + timedelta(days=n) for n in range(4)]
    assert anchor_days(today + timedelta(days=4)) == []
    then = now() + timedelta(days=4)
    assert list(verify_trail(then)) == []
    kept = {each.day: each.hash for each in made}
    assert list(verify_trail(then, kept)) == []
    assert [each.how for each in verify_trail(then, kept | {today: "00"})] == [
        f"kept elsewhere as 00, here {made[0].hash}"
    ]
    run("DELETE FROM invoices_trailanchor WHERE day = %s", today + timedelta(days=1))
    assert [(each.table, each.how) for each in verify_trail(then)] == [("invoices_trailanchor", "missing")]
    anchor_days(today + timedelta(days=4))
    assert TrailAnchor.objects.count() == 3, "a hole is not filled"
    run("UPDATE invoices_trailanchor SET hash = 'ab' WHERE day = %s", today)
    assert len(list(verify_trail(then))) == 2


def test_what_nobody_seals_is_told_after_an_hour(tenant: Tenant) -> None:
    assert [each.how[:10] for each in verify_trail(now() + timedelta(hours=2))] == ["not sealed"]
    seal_trail()
    assert list(verify_trail(now() + timedelta(hours=2))) == []


def test_a_month_that_is_issued_leaves_an_unbroken_trail(contract: Contract, post: Any, seller: Seller) -> None:
    from tests.verbs.test_closing import close

    post(call_of(1), call_of(2))
    invoice = issue_by_two(close(seller).steps.get().invoice_id)
    entry = TrailEntry.objects.filter(table_name="invoices_invoice", key=str(invoice.pk)).order_by("-pk")[0]
    assert entry.before["state"] == "requested"
    assert entry.after["number"] == invoice.number
    assert entry.after["document"].startswith("sha256:")
    seal_trail(at_most=5)
    assert TrailSeal.objects.count() > 3
    assert found() == []
    unseen("UPDATE invoices_invoice SET document = '{}'")
    assert [(each.table, each.key) for each in found()] == [("invoices_invoice", str(invoice.pk))]


def test_new_columns_are_taken_up_and_what_was_changed_unseen_is_still_named(tenant: Tenant, seller: Seller) -> None:
    unseen("UPDATE tenants_seller SET phone = '110'")
    run("ALTER TABLE tenants_tenant ADD COLUMN colour text NOT NULL DEFAULT 'red'")
    run("ALTER TABLE tenants_seller ADD COLUMN colour text NOT NULL DEFAULT 'red'")
    try:
        assert set(install()) == {"tenants_tenant", "tenants_seller"}
        assert [(each.table, each.key) for each in found()] == [("tenants_seller", str(seller.pk))]
        assert last("tenants_tenant").what == "found"
    finally:
        run("ALTER TABLE tenants_tenant DROP COLUMN colour")
        run("ALTER TABLE tenants_seller DROP COLUMN colour")
        install()


def test_the_trail_is_sealed_in_a_transaction_of_its_own() -> None:
    with transaction.atomic():
        EvidenceKey.objects.create(public_key="x", first_used_at=now())
        with pytest.raises(DatabaseError, match="of its own"), transaction.atomic():
            seal_trail()
    assert not TrailSeal.objects.exists()


def test_the_command_names_the_row_and_ends_with_one(tenant: Tenant, capsys: Any, tmp_path: Any) -> None:
    seal_trail()
    (anchor,) = anchor_days(datetime.now(UTC).date() + timedelta(days=1))
    call_command("verify_audit")
    said = capsys.readouterr().out
    assert "as it was written" in said
    assert anchor.hash in said
    kept = tmp_path / "anchors.csv"
    kept.write_text(f"\ufeffday,seal,entries,hash\n{anchor.day},{anchor.seal},{anchor.entries},{'0' * 64}\n")
    unseen("UPDATE tenants_tenant SET name_en = 'Mine'")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", anchors=kept)
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "tenants_tenant" in said
    assert 'name_en: "Northern Express" → "Mine"' in said
    kept.write_text("nothing")
    with pytest.raises(CommandError, match="no anchor"):
        call_command("verify_audit", anchors=kept)


def test_an_anchor_given_by_hand_unmasks_a_trail_that_was_rewritten_as_a_whole(tenant: Tenant, capsys: Any) -> None:
    seal_trail()
    (anchor,) = anchor_days(datetime.now(UTC).date() + timedelta(days=1))
    call_command("verify_audit", f"--anchor={anchor.day}={anchor.hash}")
    assert "as it was written" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command("verify_audit", f"--anchor={anchor.day}={'0' * 64}")
    assert f"kept elsewhere as {'0' * 64}" in capsys.readouterr().out
    for wrong in ("yesterday", f"2026-11-31={'0' * 64}", f"{anchor.day}=00"):
        with pytest.raises(CommandError, match="is no anchor; write day=hash"):
            call_command("verify_audit", f"--anchor={wrong}")
