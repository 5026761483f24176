"""The database refuses to change what was signed, whoever asks."""

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change_of_signed_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'contract version % is signed and cannot be changed', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER signed_versions_are_frozen BEFORE UPDATE OR DELETE ON tenants_contractversion
    FOR EACH ROW WHEN (OLD.signed_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_signed_version();
"""
DROP = """
DROP TRIGGER signed_versions_are_frozen ON tenants_contractversion;
DROP FUNCTION refuse_change_of_signed_version();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
