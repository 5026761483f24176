"""A year at a vendor of many tenants, filled in by SQL, and the pages of the admin that its finance staff comes by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from billing.periods import period_containing
from tests.benchmarks._months import MONTH, agree, fill_many_calls

ISSUED_MONTHS = 9  # January to September, all issued, the older ones paid; October waits for review
GUARDED = ("ledgerentry", "ledgerside", "receivable", "payment", "line")  # their triggers want the order of the verbs
# Every tenant's months look like the one that was drafted by the verbs, each with an amount of its own.
FILL = """
INSERT INTO invoices_invoice (kind, seller_id, tenant_id, contract_id, period_starts_on, period_ends_on, state, number,
    currency, net, tax, total, language, terms, totals, document, blocked, drafted_at, requested_by, requested_at, issued_at,
    issued_by, due_on)
SELECT 'invoice', i.seller_id, c.tenant_id, c.id, m, m + interval '1 month', 'issued',
    'HD-' || to_char(m, 'YYYY-MM-') || c.id, 'CNY', 100 + c.id % 900, 6, 106 + c.id % 900, 'zh', i.terms, i.totals,
    i.document, false, m + interval '1 month', 'wang', m + interval '33 days', m + interval '34 days', 'li', m + interval '60 days'
FROM invoices_invoice AS i, tenants_contract AS c, generate_series(date '2026-01-01', '2026-09-01', interval '1 month') AS m
WHERE i.id = {model};
INSERT INTO invoices_invoice (kind, seller_id, tenant_id, contract_id, period_starts_on, period_ends_on, state, currency, net,
    tax, total, language, terms, totals, document, blocked, drafted_at, requested_by, issued_by)
SELECT 'invoice', i.seller_id, c.tenant_id, c.id, i.period_starts_on, i.period_ends_on, 'draft', 'CNY', 100 + c.id % 900, 6,
    106 + c.id % 900, 'zh', i.terms, i.totals, i.document, c.id % 50 = 0, now(), '', ''
FROM invoices_invoice AS i, tenants_contract AS c WHERE i.id = {model} AND c.id <> i.contract_id;
INSERT INTO invoices_line (invoice_id, position, key, clause, amount)
SELECT i.id, l.position, l.key, l.clause, l.amount FROM invoices_line AS l, invoices_invoice AS i
WHERE l.invoice_id = {model} AND i.id <> {model};
INSERT INTO invoices_invoiceevent (invoice_id, what, by, at, reason)
SELECT id, 'issued', 'li', issued_at, '' FROM invoices_invoice WHERE state = 'issued';
INSERT INTO invoices_delivery (invoice_id, recipient, kind, state, message_id, attempts, due_at, sent_at, answer)
SELECT id, 'finance@' || tenant_id || '.example', 'invoice', CASE WHEN id % 500 = 0 THEN 'failed' ELSE 'sent' END,
    '<' || id || '@huadan.example>', 1, issued_at, issued_at, 'Accepted.' FROM invoices_invoice WHERE state = 'issued';
INSERT INTO invoices_payment (tenant_id, currency, amount, rest, reversed, "on", reference, payer, note, by, at)
SELECT tenant_id, 'CNY', total, 0, false, due_on, number, '', '', 'li', due_on FROM invoices_invoice
WHERE state = 'issued' AND period_starts_on < '2026-08-01';
INSERT INTO invoices_receivable (invoice_id, tenant_id, currency, due_on, owed, settled, written_off)
SELECT id, tenant_id, 'CNY', due_on, total, CASE WHEN period_starts_on < '2026-08-01' THEN total ELSE 0 END, 0
FROM invoices_invoice WHERE state = 'issued';
INSERT INTO invoices_ledgerentry (tenant_id, currency, kind, document_id, "on", at, by, reason)
SELECT tenant_id, 'CNY', 'issued', id, issued_at::date, issued_at, 'li', '' FROM invoices_invoice WHERE state = 'issued';
INSERT INTO invoices_ledgerside (entry_id, account, invoice_id, amount)
SELECT e.id, side.account, CASE WHEN side.account = 'receivable' THEN i.id END, side.amount
FROM invoices_ledgerentry AS e JOIN invoices_invoice AS i ON i.id = e.document_id,
LATERAL (VALUES ('receivable', i.total), ('revenue', -i.net), ('tax', -i.tax)) AS side (account, amount);
INSERT INTO invoices_closerun (seller_id, month, purpose, revision, state, started_at, started_by, finished_at)
SELECT seller_id, '2026-10-01', 'close', 1, 'done', now() - interval '1 hour', 'li', now() FROM invoices_invoice WHERE id = {model};
INSERT INTO invoices_runstep (run_id, tenant_id, contract_id, period_starts_on, purpose, revision, state, invoice_id, reason,
    parked_by, attempts, fence, changed_at, figures)
SELECT r.id, i.tenant_id, i.contract_id, i.period_starts_on, 'close', 1, CASE WHEN i.blocked THEN 'parked' ELSE 'ready' END,
    i.id, CASE WHEN i.blocked THEN 'Some calls are taken by no clause.' ELSE '' END, '', 1, 1, now(),
    jsonb_build_object('currency', 'CNY', 'total', i.total, 'last_total', i.total - 20, 'received', {each}, 'counted', {each},
        'accepted', {each}, 'duplicates', 0, 'rejected', 0, 'late', 0, 'warnings', 1)
FROM invoices_closerun AS r, invoices_invoice AS i WHERE i.state = 'draft';
INSERT INTO invoices_finding (step_id, code, key, severity, facts, found_at, accepted_by, accepted_reason)
SELECT id, CASE WHEN state = 'parked' THEN 'uncovered' ELSE 'first_month' END, '', CASE WHEN state = 'parked' THEN 'error' ELSE 'note' END,
    '{{"calls": 3, "seconds": 90, "meter": "talk"}}', now(), '', '' FROM invoices_runstep WHERE id % 5 = 0 OR state = 'parked';
INSERT INTO usage_batch (tenant_id, id, source_id, format, received_at, received, accepted, duplicates, conflicts, rejected)
SELECT t.id, gen_random_uuid(), t.id, 'native', now() - n * interval '7 min', 50, 50, 0, 0, 0
FROM tenants_tenant AS t, generate_series(1, 20) AS n;
"""


def fill(tenants: int, each: int) -> None:
    """Have so many tenants with ``each`` calls in October, nine issued invoices and a draft, by a close that ended."""
    from django.db import connection

    from invoices.drafting import draft_month
    from tenants.models import Contract
    from usage.models import Source

    seller, first, last = agree("desk", tenants)
    fill_many_calls(first, last, each)
    contract = Contract.objects.filter(tenant__seller=seller).order_by("pk").first()
    assert contract is not None
    draft = draft_month(contract, period_containing(MONTH), datetime.now(UTC))
    with connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE invoices_{table} DISABLE TRIGGER USER")
        Source.objects.bulk_create(
            (Source(pk=pk, tenant_id=pk, code="switch-1", zone="Asia/Shanghai") for pk in range(first, last + 1)), 5000
        )
        for statement in FILL.format(model=draft.pk, each=each).split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE invoices_{table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE")


def addresses() -> Iterator[tuple[str]]:
    """Name every list of the menu, a page of a row of each kind, and the pages that do something of their own."""
    from django.contrib import admin
    from django.urls import reverse

    yield (reverse("admin:index"),)
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield (reverse(f"{name}_changelist"),)
        row = model._default_manager.order_by("pk").last() if model._meta.managed else None
        if row is not None and type(page).__name__ != "TrailEntryAdmin":
            yield (reverse(f"{name}_change", args=[row.pk]),)
    yield from ((address,) for address in _own_pages())


def _own_pages() -> Iterator[str]:
    from django.urls import reverse

    from invoices.models import CloseRun, Invoice
    from tenants.models import Contract

    contract: Any = Contract.objects.order_by("-pk").first()
    issued: Any = Invoice.objects.filter(state="issued").order_by("-pk").first()
    run: Any = CloseRun.objects.first()
    invoices, tenant = reverse("admin:invoices_invoice_changelist"), contract.tenant_id
    yield from (f"{invoices}?{asked}" for asked in (
        "payment=overdue", "state__exact=draft", "q=desk-7", f"q={issued.number}", "p=50", "o=4", "period_starts_on__month=9",
    ))  # fmt: skip
    yield from (
        f"{reverse('admin:invoices_invoice_find')}?q={asked}"
        for asked in (issued.number, "desk-7", "call-77", "13800001234", "客户")
    )
    for name in ("invoices_invoice_review", "invoices_invoice_guide", "invoices_tableexport_add", "invoices_payment_add",
                 "tenants_tenant_add", "tenants_contract_add", "tenants_apikey_add", "invoices_closerun_start",
                 "invoices_bankfile_add", "invoices_trailanchor_verify", "own_settings"):  # fmt: skip
        yield reverse(f"admin:{name}")
    ids = ",".join(map(str, Invoice.objects.filter(state="draft").values_list("pk", flat=True)[:200]))
    yield f"{reverse('admin:invoices_invoice_ask')}?ids={ids}"
    yield reverse("admin:invoices_invoice_change", args=[issued.pk])
    yield reverse("admin:invoices_what_if", args=[contract.pk])
    yield reverse("admin:invoices_preview", args=[contract.versions.get().pk])
    yield reverse("admin:invoices_receivable_statement", args=[tenant])
    yield reverse("admin:invoices_creditrequest_ask", args=[issued.pk])
    yield f"{reverse('admin:invoices_closerun_change', args=[run.pk])}?state=parked"
    for page in ("calllisting", "batchlisting", "quarantinelisting", "declarationlisting", "levellisting"):
        yield f"{reverse(f'admin:usage_{page}_changelist')}?tenant={tenant}&from={date(2026, 10, 1)}&to={date(2026, 10, 31)}"
    for asked in ("table=invoices_invoice", f"table=invoices_invoice&key={issued.pk}", "person=li", "from=2026-11-01"):
        yield f"{reverse('admin:invoices_trailentry_changelist')}?{asked}"
