"""A function that stores a few calls in one statement, so that a single record is one trip to the database and back.

It does what usage.ingestion.store does, for deliveries in which nothing is unusual, and gives up before it has written
anything when something is. Being VOLATILE, each statement in it sees what was committed before it began, so the look
for known ids sees all that the locks waited for.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION usage_store_few(
    who bigint, reporter_source bigint, locks bigint[], shared boolean[], months date[], incoming jsonb,
    delivery uuid, delivery_format text, arrived timestamptz
) RETURNS integer[] LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
DECLARE
    held date[];
    here usage_call[];
    each usage_call;
    month date;
    known bytea;
    repeated integer[] := '{}';
    number integer := 0;
BEGIN
    PERFORM CASE WHEN l.shared THEN pg_advisory_xact_lock_shared(l.number) ELSE pg_advisory_xact_lock(l.number) END
    FROM unnest(locks, shared) AS l (number, shared);
    IF (
        SELECT count(*) FROM usage_usagemonth AS m WHERE m.tenant_id = who AND m.period = ANY (months)
        AND m.state = 'open' AND m.stale_since IS NOT NULL
    ) <> cardinality(months) THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(array_agg(s.period), '{}') INTO held FROM usage_sourcemonth AS s
    WHERE s.tenant_id = who AND s.source_id = reporter_source;
    IF NOT held @> months THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(row ORDER BY position) INTO here
    FROM jsonb_array_elements(incoming) WITH ORDINALITY AS e (document, position),
    LATERAL jsonb_populate_record(NULL::usage_call, e.document) AS row;
    FOREACH each IN ARRAY here LOOP
        FOREACH month IN ARRAY held LOOP
            SELECT c.content_hash INTO known FROM usage_call AS c
            WHERE c.tenant_id = who AND c.source_id = reporter_source AND c.call_id = each.call_id AND c.leg = each.leg
            AND c.period = month;
            IF FOUND THEN
                IF known <> each.content_hash THEN
                    RETURN NULL;
                END IF;
                repeated := repeated || number;
            END IF;
        END LOOP;
        number := number + 1;
    END LOOP;
    number := 0;
    FOREACH each IN ARRAY here LOOP
        IF NOT number = ANY (repeated) THEN
            INSERT INTO usage_call SELECT each.*;
        END IF;
        number := number + 1;
    END LOOP;
    INSERT INTO usage_batch (tenant_id, id, source_id, format, received_at, received, accepted, duplicates, conflicts, rejected)
    VALUES (who, delivery, reporter_source, delivery_format, arrived, number, number - cardinality(repeated),
            cardinality(repeated), 0, 0);
    RETURN repeated;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0008_let_people_unmask_calls")]

    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION usage_store_few")]
