"""Which tables the audit trail watches: all of the control plane but what is named here; installed after each migrate."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model
from psycopg.sql import SQL, Identifier, Literal

DATA_PLANE = "the data plane has no triggers; I1 and I13 recount it, and CallVersion keeps what was corrected"
OF_THE_TRAIL = "the trail itself; its seals and anchors guard it"
LOGIN_ATTEMPTS = "who tried to log in; a flood of guesses must not fill the trail"
NOT_WATCHED = {
    "admin.LogEntry": "Django's own log of the admin, shown nowhere any more; the trail says the same and more",
    "axes.AccessAttempt": LOGIN_ATTEMPTS,
    "axes.AccessAttemptExpiration": LOGIN_ATTEMPTS,
    "axes.AccessFailureLog": LOGIN_ATTEMPTS,
    "axes.AccessLog": LOGIN_ATTEMPTS,
    "invoices.AskedComparison": "what would have been; nobody decides by it, and it is reckoned anew by asking again",
    "invoices.ComparedMonth": "the counts of such a comparison so far",
    "invoices.RunStep": "the queue of a close, written every few seconds while one works; what people decide about a step "
    "stands in its findings and in the invoice, which are watched",
    "invoices.TrailAnchor": OF_THE_TRAIL,
    "invoices.TrailEntry": OF_THE_TRAIL,
    "invoices.TrailSeal": OF_THE_TRAIL,
    "sessions.Session": "who is logged in just now; a login itself changes the person's row, which is watched",
    "tenants.BudgetMonth": "how a budget stands by the last count, reckoned anew with every count; its alerts are watched",
    "tenants.WebhookMessage": "an outbox; the events it tells of are rows of their own",
    "tenants.WebhookTry": "the tries of that outbox",
    "usage.Batch": DATA_PLANE,
    "usage.CallVersion": DATA_PLANE,
    "usage.Declaration": DATA_PLANE,
    "usage.KeptAnswer": DATA_PLANE,
    "usage.Quarantined": DATA_PLANE,
    "usage.SourceMonth": DATA_PLANE,
    "usage.UsageMonth": DATA_PLANE,
    "usage.UsageTotal": DATA_PLANE,
}
# Secrets, and what is too long to be kept twice, are kept as SHA-256: a change of them shows, they do not.
AS_DIGESTS = {
    "auth.User": ["password"],
    "invoices.FitReport": ["document"],
    "invoices.Invoice": ["terms", "totals", "document"],
    "invoices.Settlement": ["terms", "totals", "bill"],
    "invoices.StatementMail": ["account", "pdf"],
    "invoices.StoredFile": ["content"],
    "invoices.TaxInvoice": ["content"],
    "otp_totp.TOTPDevice": ["key"],
    "tenants.ApiKey": ["sha256"],
    "tenants.Seller": ["logo"],
}
# Columns that say nothing of what somebody decided, or whose digest could be guessed.
LEFT_OUT = {
    "otp_static.StaticToken": ["token"],  # forty bits
    "tenants.Budget": ["looked_at"],
    "tenants.WebhookEndpoint": ["failing_since", "failures", "resting_until"],  # how it answers just now
}

NAMES = {"added": "INSERT", "changed": "UPDATE", "removed": "DELETE"}
ROWS = {
    "added": "NEW TABLE AS new_rows",
    "changed": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "removed": "OLD TABLE AS old_rows",
}
INSTALLED = """
SELECT c.relname, obj_description(t.oid, 'pg_trigger') FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE t.tgname = 'trail_added' AND c.relnamespace = current_schema()::regnamespace
"""
COLUMNS = """
SELECT c.relname, jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname
"""
# Rows from before the trail, or whose table has other columns now, are written down as they were found. Where what can be
# compared differs from the trail they are left alone, for the check to name them.
FIND = """
WITH last AS (
    SELECT DISTINCT ON (key) key, what, after FROM invoices_trailentry WHERE table_name = {name} ORDER BY key, id DESC
), found AS (SELECT content ->> {key} AS key, content FROM (SELECT {content} AS content FROM {table} AS r) AS rows)
INSERT INTO invoices_trailentry (at, table_name, key, what, before, after, door, who, why, request_id, role)
SELECT now(), {name}, found.key, 'found', NULL, found.content, COALESCE(told ->> 'door', 'sql'), COALESCE(told ->> 'who', ''),
    '', '', session_user
FROM found LEFT JOIN last ON last.key = found.key CROSS JOIN trail_actor() AS told
WHERE CASE WHEN last.key IS NULL THEN {first} ELSE last.what <> 'removed' AND last.after <> found.content
    AND last.after - {other}::text[] = found.content - {other}::text[] END
"""
ALIKE = "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL intervalstyle = 'postgres'"


@dataclass(frozen=True, slots=True)
class Watched:
    """A table the trail watches: the column of its key, those kept as digests, and those left out."""

    table: str
    key: str
    digested: list[str]
    left_out: list[str]

    def content(self) -> Any:
        """Give the expression for what the trail keeps of a row ``r``."""
        row = SQL("pg_catalog.to_jsonb(r)")  # not one that another role put before it
        if not self.digested and not self.left_out:
            return row
        return SQL("trail_content({}, {}::text[], {}::text[])").format(
            row, Literal(_array(self.digested)), Literal(_array(self.left_out))
        )


def is_watched(model: type[Model]) -> bool:
    """Tell whether changes of a model's rows are written into the trail."""
    meta = options_of(model)
    return meta.managed and not meta.proxy and meta.label not in NOT_WATCHED


def watched() -> list[Watched]:
    """List the tables the trail watches, those between two models included."""
    metas = [options_of(model) for model in apps.get_models(include_auto_created=True) if is_watched(model)]
    return [
        Watched(meta.db_table, meta.pk.column, AS_DIGESTS.get(meta.label, []), LEFT_OUT.get(meta.label, []))
        for meta in metas
    ]


def options_of(model: type[Model]) -> Any:
    """Give what Django knows of a model's table."""
    return model._meta  # noqa: SLF001 - Django's public name for it


def install_after_migrate(plan: Any = None, **_signal: Any) -> None:
    """Install the triggers after a migrate; a flush, which has no plan, empties tables and changes none."""
    if plan is not None:
        install()


def install() -> list[str]:
    """Have the triggers watch what is to be watched, and no more; return the tables that changed.

    Two queries when nothing is to be done. To be run by the owner of the tables.
    """
    wanted = {each.table: each for each in watched()}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSTALLED)
        installed = {table: json.loads(told) if told else None for table, told in cursor.fetchall()}
        cursor.execute(COLUMNS, [list(wanted)])
        columns = {table: each if isinstance(each, dict) else json.loads(each) for table, each in cursor.fetchall()}
        changed = []
        for table in installed.keys() - wanted.keys():
            for name in NAMES:
                cursor.execute(SQL("DROP TRIGGER {} ON {}").format(Identifier(f"trail_{name}"), Identifier(table)))
            changed.append(table)
        for table, each in wanted.items():
            told = asdict(each) | {"columns": columns.get(table)}
            if table in columns and installed.get(table) != told:
                _watch(cursor, each, told, installed.get(table))
                changed.append(table)
    return changed


def _watch(cursor: Any, each: Watched, told: dict[str, Any], before: dict[str, Any] | None) -> None:
    table = Identifier(each.table)
    for name, event in NAMES.items():
        cursor.execute(
            SQL(
                "CREATE OR REPLACE TRIGGER {} AFTER {} ON {} REFERENCING {} "
                "FOR EACH STATEMENT EXECUTE FUNCTION trail_write({}, {}, {})"
            ).format(
                Identifier(f"trail_{name}"), SQL(event), table, SQL(ROWS[name]),
                Literal(each.key), Literal(_array(each.digested)), Literal(_array(each.left_out)),
            )
        )  # fmt: skip
    cursor.execute(SQL("COMMENT ON TRIGGER trail_added ON {} IS {}").format(table, Literal(json.dumps(told))))
    cursor.execute(ALIKE)
    cursor.execute(
        SQL(FIND).format(
            name=Literal(each.table), key=Literal(each.key), content=each.content(), table=table,
            first=SQL("false" if before else "true"), other=Literal(_array(_other_columns(told, before))),
        )
    )  # fmt: skip


def _other_columns(told: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    """Name the columns that cannot be compared: new, of another type or kept otherwise now; and such before."""

    def kept(column: str, said: dict[str, Any]) -> Any:
        return said["columns"].get(column), column in said["digested"], column in said["left_out"]

    if before is None:
        return []
    both = told["columns"].keys() | before["columns"].keys()
    return sorted(column for column in both if kept(column, told) != kept(column, before))


def _array(names: list[str]) -> str:
    return "{" + ",".join(names) + "}"
