"""What was taken out, numbered, printed and credited is guarded by the database, whoever asks."""

from django.db import migrations

# A row of this table says who took what; only the count of rows comes later, once.
EXPORTS = """
CREATE TRIGGER exports_are_kept BEFORE DELETE ON invoices_tableexport
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER exports_are_not_changed BEFORE UPDATE ON invoices_tableexport
    FOR EACH ROW WHEN (OLD.rows IS NOT NULL
        OR (to_jsonb(OLD) - 'rows') IS DISTINCT FROM (to_jsonb(NEW) - 'rows'))
    EXECUTE FUNCTION tenants_refuse_change();
"""

SERIES = """
CREATE TRIGGER series_are_kept BEFORE DELETE ON invoices_numberseries
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER series_count_by_one BEFORE UPDATE ON invoices_numberseries
    FOR EACH ROW WHEN (NEW.next_number <> OLD.next_number + 1
        OR (to_jsonb(OLD) - 'next_number') IS DISTINCT FROM (to_jsonb(NEW) - 'next_number'))
    EXECUTE FUNCTION tenants_refuse_change();
"""

LINES = """
CREATE FUNCTION invoices_refuse_differing_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT COALESCE(sum(amount), 0) FROM invoices_line WHERE invoice_id = NEW.id)
        <> (CASE WHEN (NEW.document #>> '{bill,inclusive}')::bool THEN NEW.total ELSE NEW.net END) THEN
        RAISE EXCEPTION 'the lines of % do not add up', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'lines_add_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lines_add_up AFTER UPDATE ON invoices_invoice DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'issued') EXECUTE FUNCTION invoices_refuse_differing_lines();
"""

CREDITS = """
CREATE FUNCTION invoices_refuse_overcredited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whole boolean;
BEGIN
    WITH documents AS (
        SELECT id FROM invoices_invoice WHERE id = NEW.credits_id
        UNION ALL SELECT id FROM invoices_invoice WHERE credits_id = NEW.credits_id AND state = 'issued'
    ), lines AS (
        SELECT l.key, sum(l.amount) FILTER (WHERE l.invoice_id = NEW.credits_id) AS charged, sum(l.amount) AS remaining
        FROM invoices_line AS l JOIN documents AS d ON d.id = l.invoice_id GROUP BY l.key
    )
    SELECT bool_and(remaining = 0) INTO whole FROM lines
    HAVING bool_and(COALESCE(remaining BETWEEN least(charged, 0) AND greatest(charged, 0), false));
    IF NOT FOUND OR whole AND (
        SELECT sum(net) <> 0 OR sum(tax) <> 0 FROM invoices_invoice
        WHERE id = NEW.credits_id OR credits_id = NEW.credits_id AND state = 'issued') THEN
        RAISE EXCEPTION 'credit note % takes back more than its invoice charges', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_within_the_invoice';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER credits_within_the_invoice AFTER INSERT OR UPDATE ON invoices_invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'credit_note' AND NEW.state = 'issued')
    EXECUTE FUNCTION invoices_refuse_overcredited();
"""

BACKWARDS = """
DROP TRIGGER credits_within_the_invoice ON invoices_invoice; DROP TRIGGER lines_add_up ON invoices_invoice;
DROP TRIGGER series_count_by_one ON invoices_numberseries; DROP TRIGGER series_are_kept ON invoices_numberseries;
DROP TRIGGER exports_are_not_changed ON invoices_tableexport; DROP TRIGGER exports_are_kept ON invoices_tableexport;
DROP FUNCTION invoices_refuse_overcredited, invoices_refuse_differing_lines;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0015_remind_and_send_again")]

    operations = [migrations.RunSQL(EXPORTS + SERIES + LINES + CREDITS, BACKWARDS)]
