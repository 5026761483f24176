"""The partitioned table of calls, which Django cannot describe."""

from django.db import migrations

CREATE = """
CREATE TABLE usage_call (
    tenant_id bigint NOT NULL,
    source_id bigint NOT NULL,
    call_id text NOT NULL,
    leg text NOT NULL,
    period date NOT NULL,
    direction text NOT NULL,
    caller text NOT NULL,
    callee text NOT NULL,
    caller_hash bytea NOT NULL,
    callee_hash bytea NOT NULL,
    caller_number text,
    callee_number text,
    started_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz NOT NULL,
    talk_ms bigint NOT NULL CHECK (talk_ms >= 0),
    reported_seconds integer,
    agent_ms bigint NOT NULL CHECK (agent_ms BETWEEN 0 AND talk_ms),
    transferred_at timestamptz,
    hangup_cause text NOT NULL,
    region text NOT NULL,
    robot text NOT NULL,
    line text NOT NULL,
    language text NOT NULL,
    modules text[] NOT NULL,
    counters jsonb NOT NULL,
    labels jsonb NOT NULL,
    flags text[] NOT NULL,
    content_hash bytea NOT NULL,
    batch_id uuid NOT NULL,
    version smallint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, source_id, call_id, leg, period)
) PARTITION BY RANGE (period);
CREATE INDEX usage_call_by_time ON usage_call (tenant_id, period, started_at);
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE usage_call")]
