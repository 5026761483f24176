"""The database refuses to change what was issued, whoever asks."""

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change_of_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice % is issued and cannot be changed', OLD.number USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER issued_invoices_are_frozen BEFORE UPDATE OR DELETE ON invoices_invoice
    FOR EACH ROW WHEN (OLD.state = 'issued') EXECUTE FUNCTION refuse_change_of_issued_invoice();

CREATE FUNCTION refuse_change_of_issued_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM invoices_invoice
               WHERE state = 'issued' AND id IN (OLD.invoice_id, COALESCE(NEW.invoice_id, OLD.invoice_id))) THEN
        RAISE EXCEPTION 'line % belongs to an issued invoice', OLD.key USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER issued_lines_are_frozen BEFORE UPDATE OR DELETE ON invoices_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_issued_line();

CREATE FUNCTION refuse_line_of_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM invoices_invoice WHERE id = NEW.invoice_id AND state = 'issued') THEN
        RAISE EXCEPTION 'an issued invoice takes no more lines' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER issued_invoices_take_no_lines BEFORE INSERT ON invoices_line
    FOR EACH ROW EXECUTE FUNCTION refuse_line_of_issued_invoice();

CREATE FUNCTION refuse_change_of_stored_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stored files cannot be changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stored_files_are_frozen BEFORE UPDATE OR DELETE ON invoices_storedfile
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_stored_file();
"""
DROP = """
DROP TRIGGER stored_files_are_frozen ON invoices_storedfile;
DROP TRIGGER issued_invoices_take_no_lines ON invoices_line;
DROP TRIGGER issued_lines_are_frozen ON invoices_line;
DROP TRIGGER issued_invoices_are_frozen ON invoices_invoice;
DROP FUNCTION refuse_change_of_stored_file();
DROP FUNCTION refuse_line_of_issued_invoice();
DROP FUNCTION refuse_change_of_issued_line();
DROP FUNCTION refuse_change_of_issued_invoice();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
