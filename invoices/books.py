"""The invariants of the books, each a question whose answer is the rows that break it; all empty, all well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_noop as _

from billing.errors import Refused
from billing.periods import period_containing
from billing.rating import Bill, Totals, rate
from billing.rating.difference import Difference
from billing.rating.telling import untold_of
from billing.rating.terms import Terms
from invoices.evidence import digest_of
from invoices.models import Invoice
from invoices.trail.verifying import verify_trail
from tenants.contracts import NotInForce, terms_for
from tenants.models import Contract
from usage.aggregation import days_of
from usage.models import UsageMonth
from usage.recounting import differing_totals

ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What asking for an invariant gave: its id, what should hold, and the first rows that break it, if any."""

    invariant: str
    sentence: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("I1", _("each delivery has as many calls as were accepted with it"), """
        SELECT b.tenant_id, b.id, b.accepted, count(c.call_id) FROM usage_batch AS b
        LEFT JOIN usage_call AS c ON c.tenant_id = b.tenant_id AND c.batch_id = b.id
        WHERE NOT EXISTS (SELECT FROM usage_removal AS r WHERE r.tenant_id = b.tenant_id)
        AND b.received_at >= (SELECT min(period) FROM usage_sourcemonth)
        GROUP BY b.tenant_id, b.id, b.accepted HAVING count(c.call_id) <> b.accepted"""),
    ("I2", _("each contract in force in a frozen month has its invoice"), """
        SELECT m.tenant_id, m.period, c.code FROM usage_usagemonth AS m
        JOIN tenants_contract AS c ON c.tenant_id = m.tenant_id AND (c.ends_on IS NULL OR c.ends_on > m.period)
        WHERE m.state = 'frozen' AND EXISTS (SELECT FROM tenants_contractversion AS v
            WHERE v.contract_id = c.id AND v.signed_at IS NOT NULL AND v.starts_on <= m.period)
        AND NOT EXISTS (SELECT FROM invoices_invoice AS i
            WHERE i.contract_id = c.id AND i.period_starts_on = m.period AND i.kind = 'invoice')
        AND EXISTS (SELECT FROM invoices_invoice AS i WHERE i.tenant_id = m.tenant_id AND i.period_starts_on = m.period)"""),
    ("I3", _("the lines of a document add up to its net, and net and tax to its total"), """
        SELECT i.id, i.number, i.net, i.tax, i.total, sum(l.amount) FROM invoices_invoice AS i
        LEFT JOIN invoices_line AS l ON l.invoice_id = i.id GROUP BY i.id
        HAVING COALESCE(sum(l.amount), 0) <> CASE WHEN (i.document #>> '{bill,inclusive}')::bool THEN i.total ELSE i.net END
        OR i.net + i.tax <> i.total OR (i.document #>> '{bill,total}')::numeric <> i.total"""),
    ("I5", _("as many documents are issued as numbers were taken from each series"), """
        SELECT s.seller_id, s.kind, s.year, s.next_number - 1, count(i.id) FROM invoices_numberseries AS s
        LEFT JOIN invoices_invoice AS i ON i.seller_id = s.seller_id AND i.kind = s.kind AND i.number IS NOT NULL
            AND left(i.document ->> 'issued_on', 4)::int = s.year
        GROUP BY s.id HAVING count(i.id) <> s.next_number - 1"""),
    ("I5", _("numbers were given in the order of issue"), r"""
        SELECT id, number, issued_at, before FROM (
            SELECT id, number, issued_at, max(issued_at) OVER (
                PARTITION BY seller_id, kind, left(document ->> 'issued_on', 4), regexp_replace(number, '\d+', '0', 'g')
                ORDER BY length(number), number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM invoices_invoice WHERE number IS NOT NULL) AS numbered
        -- Two who issue at once read the clock before they wait for the number.
        WHERE issued_at < before - interval '1 minute'"""),
    ("I6", _("each stored PDF is the one that was stored"), """
        SELECT id, invoice_id, sha256 FROM invoices_storedfile WHERE encode(sha256(content), 'hex') <> sha256"""),
    ("I6", _("an issued document prints what is kept of it, line by line"), """
        SELECT i.id, i.number, l.key, l.printed, l.kept FROM invoices_invoice AS i
        CROSS JOIN LATERAL (SELECT COALESCE(p.value ->> 'key', k.key) AS key, p.value ->> 'amount' AS printed, k.amount AS kept
            FROM jsonb_array_elements(i.document #> '{bill,lines}') AS p
            FULL JOIN (SELECT key, amount FROM invoices_line WHERE invoice_id = i.id) AS k ON k.key = p.value ->> 'key'
            WHERE (p.value ->> 'amount')::numeric IS DISTINCT FROM k.amount
            UNION ALL SELECT 'number', i.document ->> 'number', NULL WHERE i.document ->> 'number' IS DISTINCT FROM i.number
            UNION ALL SELECT 'due', i.document ->> 'due_on', NULL
                WHERE i.kind = 'invoice' AND i.document ->> 'due_on' IS DISTINCT FROM i.due_on::text) AS l
        WHERE i.state = 'issued'"""),
    ("I7", _("nobody is brought the same invoice twice, and no two mails bear the same Message-ID"), """
        SELECT 'delivery' AS what, invoice_id || ' ' || kind AS of, recipient AS twin, count(*) FROM invoices_delivery
        GROUP BY invoice_id, kind, recipient HAVING count(*) > 1
        UNION ALL SELECT 'Message-ID', min(mail), message_id, count(*) FROM (
            SELECT 'delivery ' || id AS mail, message_id FROM invoices_delivery
            UNION ALL SELECT 'mail about the books ' || id, message_id FROM invoices_booksmail
            UNION ALL SELECT 'mail about a dispute ' || id, message_id FROM invoices_disputemail
            UNION ALL SELECT 'notice of a webhook ' || id, message_id FROM tenants_webhooknotice
            UNION ALL SELECT 'statement ' || id, message_id FROM invoices_statementmail
            UNION ALL SELECT 'notice ' || id, message_id FROM tenants_pricenotice) AS mails
        GROUP BY message_id HAVING count(*) > 1"""),
    ("I7", _("only issued documents are mailed, and what was sent was tried"), """
        SELECT d.id, i.number, d.state, d.attempts, d.sent_at FROM invoices_delivery AS d
        JOIN invoices_invoice AS i ON i.id = d.invoice_id
        WHERE i.state <> 'issued' OR (d.state IN ('sent', 'bounced')) <> (d.sent_at IS NOT NULL)
            OR (d.sent_at IS NOT NULL AND d.attempts = 0)"""),
    ("I8", _("nothing due lies undone"), """
        SELECT 'delivery', id::text, due_at FROM invoices_delivery
        WHERE state = 'queued' AND due_at < %(now)s::timestamptz - interval '5 minutes'
        UNION ALL SELECT 'message of a webhook', m.id::text, m.due_at FROM tenants_webhookmessage AS m
        JOIN tenants_webhookendpoint AS e ON e.id = m.endpoint_id WHERE e.enabled AND e.failing_since IS NULL
        AND m.state = 'owed' AND m.due_at < %(now)s::timestamptz - interval '5 minutes'
        UNION ALL SELECT 'step of a close', s.id::text, s.claimed_until FROM invoices_runstep AS s
        JOIN invoices_closerun AS r ON r.id = s.run_id WHERE r.state = 'running'
        AND s.state IN ('planned', 'counted', 'drafted')
        AND COALESCE(s.claimed_until, s.changed_at) < %(now)s::timestamptz - interval '10 minutes'
        UNION ALL SELECT 'month to count', tenant_id || ' ' || period, least(stale_since, counting_since) FROM usage_usagemonth
        WHERE least(stale_since, counting_since) < %(now)s::timestamptz - interval '15 minutes'"""),
    ("I9", _("a tenant's balance is its invoices less credit notes, payments and what was written off"), """
        SELECT COALESCE(l.tenant_id, d.tenant_id), COALESCE(l.currency, d.currency), l.balance, d.balance FROM (
            SELECT e.tenant_id, e.currency, sum(s.amount) AS balance FROM invoices_ledgerside AS s
            JOIN invoices_ledgerentry AS e ON e.id = s.entry_id WHERE s.account = 'receivable' GROUP BY 1, 2) AS l
        FULL JOIN (SELECT tenant_id, currency, sum(amount) AS balance FROM (
            SELECT tenant_id, currency, total AS amount FROM invoices_invoice WHERE state = 'issued'
            UNION ALL SELECT tenant_id, currency, -amount FROM invoices_payment WHERE NOT reversed
            UNION ALL SELECT tenant_id, currency, amount FROM invoices_refund WHERE approved
            UNION ALL SELECT i.tenant_id, i.currency, -w.amount FROM invoices_writeoff AS w
            JOIN invoices_invoice AS i ON i.id = w.invoice_id WHERE w.approved
            UNION ALL SELECT e.tenant_id, e.currency, -s.amount FROM invoices_ledgerentry AS e
            JOIN invoices_ledgerside AS s ON s.entry_id = e.id WHERE e.kind = 'released' AND s.account = 'bad_debt'
        ) AS moved GROUP BY 1, 2) AS d ON (d.tenant_id, d.currency) = (l.tenant_id, l.currency)
        WHERE COALESCE(l.balance, 0) <> COALESCE(d.balance, 0)"""),
    ("I9", _("each ledger entry adds up to zero"), """
        SELECT e.id, e.kind, sum(s.amount) FROM invoices_ledgerentry AS e LEFT JOIN invoices_ledgerside AS s ON s.entry_id = e.id
        GROUP BY e.id HAVING COALESCE(sum(s.amount), 1) <> 0"""),
    ("I9", _("what is open of an invoice and left of a payment is what the ledger says"), """
        SELECT 'invoice', COALESCE(r.invoice_id, s.invoice_id)::text, r.open, s.open FROM invoices_receivable AS r
        FULL JOIN (SELECT invoice_id, sum(amount) AS open FROM invoices_ledgerside WHERE invoice_id IS NOT NULL GROUP BY 1)
            AS s ON s.invoice_id = r.invoice_id WHERE r.open IS DISTINCT FROM s.open
        UNION ALL SELECT 'payment', p.id::text, p.rest, -COALESCE(sum(s.amount), 0) FROM invoices_payment AS p
        LEFT JOIN invoices_ledgerentry AS e ON e.payment_id = p.id
        LEFT JOIN invoices_ledgerside AS s ON s.entry_id = e.id AND s.account = 'receivable' AND s.invoice_id IS NULL
        GROUP BY p.id HAVING p.rest <> -COALESCE(sum(s.amount), 0)"""),
    ("I11", _("what belongs to something belongs to its tenant"), """
        SELECT 'invoice', i.id::text FROM invoices_invoice AS i
        JOIN tenants_contract AS c ON c.id = i.contract_id WHERE c.tenant_id <> i.tenant_id
        UNION ALL SELECT 'step of a close', s.id::text FROM invoices_runstep AS s
        JOIN tenants_contract AS c ON c.id = s.contract_id WHERE c.tenant_id <> s.tenant_id
        UNION ALL SELECT 'settlement', s.id::text FROM invoices_settlement AS s
        JOIN invoices_invoice AS i ON i.id = s.invoice_id WHERE i.contract_id <> s.contract_id
        UNION ALL SELECT 'dispute', d.id::text FROM invoices_dispute AS d
        JOIN invoices_invoice AS i ON i.id = d.invoice_id WHERE i.tenant_id <> d.tenant_id
        UNION ALL SELECT 'delivery of calls', b.id::text FROM usage_batch AS b
        JOIN usage_source AS s ON s.id = b.source_id WHERE s.tenant_id <> b.tenant_id"""),
    ("I12", _("credit notes take back no more of a line than it charges, and an invoice credited whole comes to zero"), """
        WITH documents AS (
            SELECT id, credits_id AS of, net, tax FROM invoices_invoice WHERE kind = 'credit_note' AND state = 'issued'
            UNION ALL SELECT id, id, net, tax FROM invoices_invoice
            WHERE id IN (SELECT credits_id FROM invoices_invoice WHERE kind = 'credit_note' AND state = 'issued')
        ), lines AS (
            SELECT d.of, l.key, sum(l.amount) FILTER (WHERE d.id = d.of) AS charged, sum(l.amount) AS remaining
            FROM documents AS d JOIN invoices_line AS l ON l.invoice_id = d.id GROUP BY d.of, l.key)
        SELECT of, key, charged, remaining FROM lines
        WHERE charged IS NULL OR remaining NOT BETWEEN least(charged, 0) AND greatest(charged, 0)
        UNION ALL SELECT of, 'net and tax', sum(net), sum(tax) FROM documents GROUP BY of
        HAVING (sum(net) <> 0 OR sum(tax) <> 0) AND (
            of IN (SELECT invoice_id FROM invoices_creditrequest WHERE approved AND amounts = '{}')
            OR NOT EXISTS (SELECT FROM lines WHERE lines.of = documents.of AND remaining <> 0))"""),
    ("I13", _("each delivery's outcomes add up to what was received"), """
        SELECT tenant_id, id, received FROM usage_batch
        WHERE received <> accepted + duplicates + conflicts + rejected"""),
)  # fmt: skip


def broken(now: datetime) -> Iterator[Answer]:
    """Ask every question; yield those whose answer is not empty, with the first rows of it."""
    return (each for each in answers(now) if each.rows)


def answers(now: datetime) -> Iterator[Answer]:
    """Ask one question after the other, ``count_of_questions`` in all; the answer has no rows where all is well."""
    for name, sentence, question in QUESTIONS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '15min'")
            cursor.execute(question, {"now": now})
            answer = Answer(
                name,
                sentence,
                [each.name.replace("?column?", "what") for each in cursor.description],
                cursor.fetchmany(ROWS_SHOWN),
            )
        yield answer
    for name, sentence, columns, look in LOOKS:
        yield Answer(name, sentence, columns.split(), list(islice(look(now), ROWS_SHOWN)))


def count_of_questions() -> int:
    """Count the questions."""
    return len(QUESTIONS) + len(LOOKS)


def _recounted(now: datetime) -> Iterator[tuple[Any, ...]]:
    """Count each counted month that is not stale once more; name the contracts whose totals differ."""
    counted = UsageMonth.objects.filter(stale_since__isnull=True, counting_since__isnull=True, counted_at__isnull=False)
    for tenant_id, period in counted.values_list("tenant_id", "period").iterator():
        for contract in Contract.objects.filter(tenant_id=tenant_id).select_related("tenant"):
            month = period_containing(period, contract.tenant.billing_day)
            try:
                terms_for(contract, month)
            except NotInForce:
                continue
            if differing := differing_totals(contract, month):
                yield tenant_id, period.isoformat(), contract.code, f"{differing} totals differ"


def _rated_again(now: datetime) -> Iterator[tuple[Any, ...]]:
    """Rate each invoice again from its own terms and totals; name those that come out otherwise."""
    for invoice in Invoice.objects.iterator(chunk_size=100):
        kept = Bill.from_json(invoice.document["bill"])
        settled = [Difference.from_json(each) for each in invoice.document.get("settled", [])]
        try:
            again = rate(Terms.from_json(invoice.terms), Totals.from_json(invoice.totals), settled)
        except Refused as refusal:
            yield invoice.pk, invoice.number, refusal.message
            continue
        if [(line.key, line.amount) for line in again.lines] != [(line.key, line.amount) for line in kept.lines] or (
            again.total != kept.total
        ):
            yield invoice.pk, invoice.number, str(kept.total), str(again.total)


def _untold(now: datetime) -> Iterator[tuple[Any, ...]]:
    """Hold the lines of each invoice against what its clauses took; name the clauses that took other calls."""
    for invoice in Invoice.objects.filter(kind=Invoice.INVOICE).iterator(chunk_size=100):
        terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
        for each in untold_of(terms, totals, Bill.from_json(invoice.document["bill"])):
            yield invoice.pk, invoice.number, each.version, each.clause, str(each.lines), str(each.taken)


def _unanswered(now: datetime) -> Iterator[tuple[Any, ...]]:
    """Look through the calls of each frozen month for those that no clause took; name what its invoice does not say.

    A month whose calls were removed, or changed since by what waits for the next invoice, is not looked at.
    """
    frozen = UsageMonth.objects.filter(
        tenant_id=OuterRef("tenant_id"), period=OuterRef("period_starts_on"), state=UsageMonth.FROZEN
    )
    for invoice in Invoice.objects.filter(Exists(frozen), kind=Invoice.INVOICE).iterator(chunk_size=100):
        terms = Terms.from_json(invoice.terms)
        if digest_of(invoice.tenant_id, terms) == invoice.document["evidence"]:
            said = invoice.document["summary"].get("unanswered", 0)
            found = sum(day.unanswered for day in days_of(invoice.tenant_id, terms))
            if said != found:
                yield invoice.pk, invoice.number, said, found


def _tampered(now: datetime) -> Iterator[tuple[Any, ...]]:
    """Name what is not as the audit trail wrote it."""
    return ((each.table, each.key, each.how) for each in verify_trail(now))


LOOKS: tuple[tuple[str, str, str, Callable[[datetime], Iterator[tuple[Any, ...]]]], ...] = (
    ("I1", _("a second count of the calls gives the same totals"), "tenant_id period contract differing", _recounted),
    (
        "I2",
        _("every call that a clause took stands behind a line"),
        "invoice number version clause lines taken",
        _untold,
    ),
    ("I2", _("calls on no line are uncovered, or were not answered"), "invoice number said found", _unanswered),
    ("I4", _("rating again gives the same bill, line for line"), "invoice number kept again", _rated_again),
    (
        "I10",
        _("the audit trail is as it was written, and every row is as it was last written there"),
        "table key differs",
        _tampered,
    ),
)
