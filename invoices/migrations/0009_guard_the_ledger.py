"""The ledger balances, is only added to, and alone says what is open; the database sees to it, whoever asks."""

from django.db import migrations

BALANCE = """
CREATE FUNCTION invoices_refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry bigint := CASE WHEN TG_TABLE_NAME = 'invoices_ledgerentry' THEN to_jsonb(NEW) ->> 'id' ELSE to_jsonb(NEW) ->> 'entry_id' END;
BEGIN
    IF (SELECT count(*) < 2 OR sum(amount) <> 0 FROM invoices_ledgerside WHERE entry_id = entry) THEN
        RAISE EXCEPTION 'ledger entry % does not add up to zero over two sides or more', entry
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON invoices_ledgerentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoices_refuse_unbalanced();
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON invoices_ledgerside DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoices_refuse_unbalanced();
"""

# What is open of an invoice and what is left of a payment are sums of sides, kept where the lists look them up.
CARRY = """
CREATE FUNCTION invoices_carry_side() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry invoices_ledgerentry;
    billed invoices_invoice;
BEGIN
    SELECT * INTO entry FROM invoices_ledgerentry WHERE id = NEW.entry_id;
    IF NEW.invoice_id IS NULL THEN
        UPDATE invoices_payment SET rest = rest - NEW.amount, reversed = reversed OR entry.kind = 'reversed'
            WHERE id = entry.payment_id AND tenant_id = entry.tenant_id AND currency = entry.currency;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'money on account belongs to a payment of the tenant, in its currency'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'account_of_a_payment';
        END IF;
        RETURN NULL;
    END IF;
    SELECT * INTO billed FROM invoices_invoice WHERE id = NEW.invoice_id;
    IF (billed.tenant_id, billed.currency, billed.kind, billed.state)
        IS DISTINCT FROM (entry.tenant_id, entry.currency, 'invoice', 'issued') THEN
        RAISE EXCEPTION 'invoice % is not an issued one of the entry''s tenant and currency', NEW.invoice_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sides_of_one_tenant';
    END IF;
    IF entry.kind = 'issued' THEN
        INSERT INTO invoices_receivable (invoice_id, tenant_id, currency, due_on, owed, settled, written_off)
            VALUES (billed.id, billed.tenant_id, billed.currency, billed.due_on, NEW.amount, 0, 0);
    ELSIF entry.kind = 'credited' THEN
        UPDATE invoices_receivable SET owed = owed + NEW.amount WHERE invoice_id = NEW.invoice_id;
    ELSE
        UPDATE invoices_receivable SET settled = settled - NEW.amount,
            written_off = written_off - CASE WHEN entry.write_off_id IS NULL THEN 0 ELSE NEW.amount END
            WHERE invoice_id = NEW.invoice_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sides_are_carried AFTER INSERT ON invoices_ledgerside
    FOR EACH ROW WHEN (NEW.account = 'receivable') EXECUTE FUNCTION invoices_carry_side();
"""

ADDED_ONLY = """
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON invoices_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON invoices_ledgerside
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER only_the_ledger_writes BEFORE INSERT OR UPDATE OR DELETE ON invoices_receivable
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER only_the_ledger_writes BEFORE UPDATE OR DELETE ON invoices_payment
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER decided_write_offs_stand BEFORE UPDATE OR DELETE ON invoices_writeoff
    FOR EACH ROW WHEN (OLD.approved IS NOT NULL) EXECUTE FUNCTION tenants_refuse_change();
"""

BACKWARDS = """
DROP TRIGGER decided_write_offs_stand ON invoices_writeoff; DROP TRIGGER only_the_ledger_writes ON invoices_payment;
DROP TRIGGER only_the_ledger_writes ON invoices_receivable; DROP TRIGGER only_added_to ON invoices_ledgerside;
DROP TRIGGER only_added_to ON invoices_ledgerentry; DROP TRIGGER sides_are_carried ON invoices_ledgerside;
DROP TRIGGER ledger_balances ON invoices_ledgerside; DROP TRIGGER ledger_balances ON invoices_ledgerentry;
DROP FUNCTION invoices_carry_side, invoices_refuse_unbalanced;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0008_post_receivables_and_payments"),
        ("tenants", "0004_guard_what_was_agreed"),
    ]

    operations = [migrations.RunSQL(BALANCE + CARRY + ADDED_ONLY, BACKWARDS)]
