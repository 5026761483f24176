"""Late calls are settled as differences; what an issued invoice settled stands."""

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change_of_issued_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM invoices_invoice
               WHERE state = 'issued' AND id IN (COALESCE(OLD.invoice_id, NEW.invoice_id), COALESCE(NEW.invoice_id, OLD.invoice_id))) THEN
        RAISE EXCEPTION 'what an issued invoice settled cannot be changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER issued_settlements_are_frozen BEFORE INSERT OR UPDATE OR DELETE ON invoices_settlement
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_issued_settlement();
"""
DROP = """
DROP TRIGGER issued_settlements_are_frozen ON invoices_settlement;
DROP FUNCTION refuse_change_of_issued_settlement();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_credit_issued_invoices")]

    operations = [
        migrations.RemoveField(model_name="settlement", name="rolled"),
        migrations.RunSQL(CREATE, DROP),
    ]
