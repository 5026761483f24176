"""Give each document issued before there was a ledger its entry."""

from django.db import migrations

POST = """
WITH issued AS (
    SELECT *, CASE kind WHEN 'invoice' THEN 'issued' ELSE 'credited' END AS what FROM invoices_invoice
    WHERE state = 'issued' AND (net <> 0 OR tax <> 0) AND kind = %(kind)s
), posted AS (
    INSERT INTO invoices_ledgerentry (tenant_id, currency, kind, document_id, "on", at, by, reason)
    SELECT tenant_id, currency, what, id, (document ->> 'issued_on')::date, issued_at, issued_by, '' FROM issued ORDER BY id
    RETURNING id, document_id
)
INSERT INTO invoices_ledgerside (entry_id, account, invoice_id, amount)
SELECT posted.id, side.account, side.invoice_id, side.amount FROM posted JOIN issued ON issued.id = posted.document_id,
LATERAL (VALUES ('receivable', COALESCE(issued.credits_id, issued.id), issued.total), ('revenue', NULL::bigint, -issued.net),
    ('tax', NULL, -issued.tax)) AS side (account, invoice_id, amount)
WHERE side.amount <> 0
"""


def post_issued(apps, editor):
    with editor.connection.cursor() as cursor:
        for kind in ("invoice", "credit_note"):  # a note takes from what its invoice owes
            cursor.execute(POST, {"kind": kind})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_guard_the_ledger")]

    operations = [migrations.RunPython(post_issued, migrations.RunPython.noop)]
