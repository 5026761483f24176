"""Sources that have calls already get their months."""

from django.db import migrations

FILL = """
INSERT INTO usage_sourcemonth (tenant_id, source_id, period)
SELECT DISTINCT tenant_id, source_id, period FROM usage_call ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0004_remember_months_versions_and_answers")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
