"""Let no index but the primary key serve a look-up by key.

A month that was never analyzed has no statistics: the planner then thinks that (tenant, period) alone finds one row,
and took the index by time for a look-up by key, reading a whole month for each record. A condition that every query by
time implies, and no look-up by key does, takes the index out of the choice.
"""

from django.db import migrations

FORWARD = """
DROP INDEX usage_call_by_time;
CREATE INDEX usage_call_by_time ON usage_call (tenant_id, period, started_at) WHERE started_at > '-infinity';
"""
BACKWARD = """
DROP INDEX usage_call_by_time;
CREATE INDEX usage_call_by_time ON usage_call (tenant_id, period, started_at);
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0005_note_the_months_of_sources")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
