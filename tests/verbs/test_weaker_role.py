"""The programs run as a role that owns no table: it does their work, and cannot touch what was signed nor its guards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from psycopg.sql import SQL, Identifier, Literal

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.models import TrailEntry
from invoices.trail.verifying import verify_trail
from tenants.contracts import amend
from tenants.models import Contract, ContractVersion
from tenants.packages import buy_package
from tenants.subscribing import change_subscription
from tests.conftest import NOW, TALK, call_of, issue_by_two
from usage.partitions import ensure_partitions, forget_partitions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
SEATS = {"code": "seats", "kind": "seat", "name": TALK["name"], "item": "seats", "price": "62"}
PACK = {"code": "pack", "kind": "package", "name": TALK["name"], "price": "9", "quantity": "50", "covers": [{"clause": "talk"}]}  # fmt: skip
ACT: dict[str, Any] = {"by": "li", "reason": "order", "now": NOW}
PASSWORD = "only-for-this-test"


@pytest.fixture
def superuser() -> Callable[..., None]:
    """Run statements about roles as who may make them."""
    if "SUPERUSER_URL" not in os.environ:
        pytest.skip("With a database of your own set SUPERUSER_URL too.")

    def run(*statements: str, role: str) -> None:
        database = connection.settings_dict["NAME"]
        with psycopg.connect(os.environ["SUPERUSER_URL"], dbname=database, autocommit=True) as own:
            for statement in statements:
                names = {"role": Identifier(role), "owner": Identifier(connection.settings_dict["USER"])}
                own.execute(SQL(statement).format(**names, password=Literal(PASSWORD)))  # type: ignore[arg-type]

    return run


@pytest.fixture
def role(superuser: Callable[..., None]) -> Iterator[str]:
    """Make the role as docs/operations says, and take it away again."""
    name = f"app_{connection.settings_dict['NAME']}"
    superuser("CREATE ROLE {role} LOGIN PASSWORD {password}", "GRANT {role} TO {owner}", role=name)
    call_command("grant_application", name)
    yield name
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    superuser("REASSIGN OWNED BY {role} TO {owner}", "DROP OWNED BY {role}", "DROP ROLE {role}", role=name)


@pytest.fixture
def agreed(make_contract: Any) -> Contract:
    contract: Contract = make_contract(TALK, SEATS, PACK)
    change_subscription(contract, "seats", Decimal(2), on=date(2026, 10, 1), **ACT)
    buy_package(contract, "pack", on=date(2026, 10, 1), **ACT)
    return contract


@pytest.fixture
def run(role: str, agreed: Contract) -> Callable[[str], Any]:
    """Run a statement on a connection of the role's own."""

    def run(statement: str) -> Any:
        how = connection.get_connection_params() | {"user": role, "password": PASSWORD}
        how = {name: value for name, value in how.items() if name in {"dbname", "host", "port", "user", "password"}}
        with psycopg.connect(**how, autocommit=True) as own:
            return own.execute(statement)

    return run


def kept() -> list[Any]:
    tables = ("contractversion", "contractevent", "subscriptionchange", "packagepurchase", "posting", "movement")
    rows = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM tenants_{table} ORDER BY id")
            rows += cursor.fetchall()
    return rows


SIGNED = [
    "UPDATE tenants_contractversion SET agreement = jsonb_set(agreement, '{clauses,0,price}', '\"0.01\"')",
    "UPDATE tenants_contractversion SET agreement = agreement || '{\"clauses\": []}'",
    "UPDATE tenants_contractversion SET signed_at = NULL",
    "UPDATE tenants_contractversion SET signed_by = 'nobody', reason = '', changes = '[]'",
    "UPDATE tenants_contractversion SET starts_on = '2026-11-01'",
    "UPDATE tenants_contractversion SET contract_id = contract_id, number = 7",
    "DELETE FROM tenants_contractversion",
    "MERGE INTO tenants_contractversion AS v USING (SELECT 1) AS x ON true WHEN MATCHED THEN DELETE",
    """INSERT INTO tenants_contractversion (id, contract_id, number, starts_on, agreement, changes, signed_by, reason)
    SELECT id, contract_id, number, starts_on, '{}', '[]', '', '' FROM tenants_contractversion
    ON CONFLICT (id) DO UPDATE SET agreement = '{}'""",
    'UPDATE tenants_contract SET scope = \'{"robot": ["x"]}\'',
]
ADDED_ONLY = [
    f"{verb} tenants_{table}{rest}"
    for table, column in {
        "contractevent": "reason", "subscriptionchange": "reason", "packagepurchase": "reason", "posting": "reference",
        "movement": "account",
    }.items()
    for verb, rest in (("UPDATE", f" SET {column} = 'x'"), ("DELETE FROM", ""))
]  # fmt: skip
GUARDS = [
    statement.format(table=f"tenants_{table}", trigger=trigger)
    for table, trigger in {
        "contractversion": "signed_versions_are_frozen", "contractevent": "only_added_to", "contract": "invoiced_contracts_stand",
        "subscriptionchange": "only_added_to", "movement": "only_added_to",
    }.items()
    for statement in (
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER {trigger}",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TRIGGER {trigger} ON {table}",
        "CREATE TRIGGER undo BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE undo AS ON UPDATE TO {table} DO INSTEAD NOTHING",
        "ALTER TABLE {table} RENAME TO gone",
        "ALTER TABLE {table} OWNER TO CURRENT_USER",
        "DROP TABLE {table} CASCADE",
    )
] + [
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION refuse_change_of_signed_version() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION tenants_refuse_change() CASCADE",
    "ALTER TABLE tenants_contractversion ALTER COLUMN agreement TYPE text",
    "ALTER TABLE tenants_contractversion DROP COLUMN agreement",
    "DELETE FROM django_migrations",
    "DROP SCHEMA public CASCADE",
]  # fmt: skip


@pytest.mark.parametrize("statement", SIGNED + ADDED_ONLY)
def test_no_row_that_was_signed_or_entered_is_changed(statement: str, run: Any) -> None:
    before = kept()
    with pytest.raises(psycopg.errors.RestrictViolation):
        run(statement)
    assert kept() == before


def test_no_guard_is_switched_off_by_the_role(run: Any) -> None:
    before = kept()
    for statement in GUARDS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(statement)
    assert kept() == before
    assert run("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone() == (False, False)


TRAIL = [
    *(f"DELETE FROM invoices_trail{each}" for each in ("entry", "seal", "anchor")),
    "UPDATE invoices_trailentry SET who = 'another'",
    "UPDATE invoices_trailseal SET hash = ''",
    "UPDATE invoices_trailanchor SET hash = ''",
    "INSERT INTO invoices_trailentry SELECT * FROM invoices_trailentry",
    "SELECT setval('invoices_trailentry_id_seq', 1)",
    "TRUNCATE invoices_trailentry",
    "ALTER TABLE tenants_contract DISABLE TRIGGER trail_changed",
    "ALTER TABLE invoices_invoice DISABLE TRIGGER ALL",
    "DROP TRIGGER trail_changed ON tenants_contract",
    "CREATE OR REPLACE FUNCTION trail_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "ALTER FUNCTION trail_write() RESET ALL",
    # A table of its own by the name of another, for entries that never happened.
    """CREATE TEMPORARY TABLE tenants_contract (id bigint); CREATE TRIGGER forged AFTER INSERT ON pg_temp.tenants_contract
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION trail_write('id', '{}', '{}')""",
]


def test_the_role_writes_into_the_trail_only_by_what_it_does(run: Any) -> None:
    run("CREATE FUNCTION to_jsonb(tenants_contract) RETURNS jsonb LANGUAGE sql AS 'SELECT ''{}''::jsonb'")
    run("UPDATE tenants_contract SET name_en = 'Mine'")
    entry = TrailEntry.objects.filter(table_name="tenants_contract").order_by("-pk")[0]
    assert (entry.before, entry.after["name_en"], entry.door) == ({"name_en": "Contract"}, "Mine", "sql")
    assert entry.role.startswith("app_")
    for statement in TRAIL:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(statement)
    assert run("SELECT trail_seal(100, '5s') > 0").fetchone() == (True,)
    assert list(verify_trail(datetime.now(UTC))) == []
    run("DROP FUNCTION to_jsonb(tenants_contract)")


def test_the_role_does_the_work_of_a_month(role: str, agreed: Contract, post: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SQL("SET ROLE {}").format(Identifier(role)))
    agreement = agreed.versions.get().agreement
    amend(agreed, agreement, starts_on=date(2026, 10, 16), **ACT)
    post(*(call_of(number) for number in range(3)))
    october = period_containing(date(2026, 10, 1))
    invoice = issue_by_two(draft_month(agreed, october, NOW).pk)
    assert invoice.number
    forget_partitions()
    ensure_partitions([date(2031, 5, 1)])
    with connection.cursor() as cursor:  # a month whose calls are not kept goes with its partition
        cursor.execute("DROP TABLE usage_call_2031_05")


def test_neither_admin_nor_bulk_change_touches_a_signed_version(role: str, agreed: Contract) -> None:
    version = agreed.versions.get()
    with connection.cursor() as cursor:
        cursor.execute(SQL("SET ROLE {}").format(Identifier(role)))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("li"))
    address = f"/admin/tenants/contractversion/{version.pk}"
    before = kept()
    for where, sent in (
        (
            f"{address}/change/",
            {"do": "save", "starts_on": "2026-02-01", "/clauses/0/code": "talk", "/currency": "USD"},
        ),
        (f"{address}/change/", {"do": "sign", "starts_on": "2026-02-01"}),
        (f"{address}/json/", {"document": '{"version": 1, "currency": "CNY", "clauses": []}'}),
        (f"{address}/sign/", {"starts_on": "2026-02-01", "reason": "again"}),
        (f"{address}/delete/", {"post": "yes"}),
        (f"/admin/tenants/contract/{agreed.pk}/delete/", {"post": "yes"}),
        (
            "/admin/tenants/contractversion/",
            {"action": "delete_selected", "_selected_action": [version.pk], "post": "yes"},
        ),
    ):
        client.post(where, sent)
        assert kept() == before, where
    with pytest.raises(Exception, match="is signed"):
        ContractVersion.objects.update(agreement={})


def test_the_role_is_made_with_a_password_twice_over_as_compose_does(superuser: Callable[..., None]) -> None:
    name, made = f"made_{connection.settings_dict['NAME']}", os.environ["SUPERUSER_URL"]
    address = urlsplit(made)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    command = [sys.executable, "manage.py", "grant_application", name, "--password-of", "APP_PASSWORD"]

    def grant(password: str) -> subprocess.CompletedProcess[str]:
        said = os.environ | {"DATABASE_URL": address, "REDIS_URL": "redis://localhost:1/0", "APP_PASSWORD": password}
        said |= {"HUADAN_SECRET_KEY": "s" * 50, "HUADAN_NUMBER_KEY": "n" * 50}
        return subprocess.run(command, env=said, capture_output=True, text=True, check=False)

    try:
        refused = grant("")
        assert (refused.returncode, "fill it in" in refused.stderr) == (1, True)
        for password in ("first-one", "second-one"):  # an upgrade runs it again
            assert grant(password).returncode == 0, grant(password).stderr
        given = {"dbname": connection.settings_dict["NAME"], "user": name, "password": "second-one"}
        with psycopg.connect(made, **given) as own:
            own.execute("SELECT count(*) FROM tenants_contractversion")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute("ALTER TABLE tenants_contractversion DISABLE TRIGGER ALL")
    finally:
        superuser("REASSIGN OWNED BY {role} TO {owner}", "DROP OWNED BY {role}", "DROP ROLE {role}", role=name)


def test_a_role_that_is_missing_or_guards_nothing_is_refused() -> None:
    with pytest.raises(CommandError, match="no role nobody_at_all"):
        call_command("grant_application", "nobody_at_all")
    with pytest.raises(CommandError, match="take another role"):
        call_command("grant_application", connection.settings_dict["USER"])
    with pytest.raises(CommandError, match="take another role"):
        call_command("grant_application", "postgres")
