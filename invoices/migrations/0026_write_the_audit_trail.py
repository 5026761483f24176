"""The database writes the audit trail, seals it and anchors it; which tables it watches is installed after each migrate.

The functions act as their owner, so that the role of the programs needs no right to the tables of the trail. Nothing but
the system's own names is looked up without its schema: that role may create functions, and must not lend them.
"""

from django.db import migrations

OWN = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
# What a row looks like as JSON must not depend on the session that writes it, or reads it again.
ALIKE = "SET timezone = 'UTC' SET bytea_output = 'hex' SET intervalstyle = 'postgres'"

ACTOR = """
CREATE FUNCTION {schema}.trail_actor() RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(convert_from(decode(said, 'base64'), 'UTF8')::jsonb, '{{}}')
    FROM (SELECT substring(left(current_query(), 4000) FROM '^/\\*huadan:([A-Za-z0-9+/=]+)\\*/') AS said) AS told
$$;
"""
CONTENT = """
CREATE FUNCTION {schema}.trail_content(kept jsonb, digested text[], unwatched text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (kept - unwatched) || (
        SELECT COALESCE(jsonb_object_agg(name, 'sha256:' || encode(sha256(convert_to(kept ->> name, 'UTF8')), 'hex')), '{{}}')
        FROM unnest(digested) AS name)
$$;
"""
# Arguments of the trigger: the column of the key, those kept as digests, those not watched.
WRITE = """
CREATE FUNCTION {schema}.trail_write() RETURNS trigger LANGUAGE plpgsql {own} {alike} AS $$
DECLARE
    told jsonb := {schema}.trail_actor();
    door text := COALESCE(told ->> 'door', 'sql');
    who text := COALESCE(told ->> 'who', '');
    reason text := COALESCE(told ->> 'why', '');
    request text := COALESCE(told ->> 'request_id', '');
    pk text := TG_ARGV[0];
    digested text[] := TG_ARGV[1];
    unwatched text[] := TG_ARGV[2];
    whole boolean := digested = '{{}}' AND unwatched = '{{}}';
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO {schema}.invoices_trailentry (at, table_name, key, what, before, after, door, who, why, request_id, role)
        SELECT now(), TG_TABLE_NAME, content ->> pk, 'added', NULL, content, door, who,
            COALESCE(NULLIF(content ->> 'reason', ''), reason), request, session_user
        FROM (SELECT CASE WHEN whole THEN to_jsonb(r) ELSE {schema}.trail_content(to_jsonb(r), digested, unwatched) END AS content
            FROM new_rows AS r) AS added;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO {schema}.invoices_trailentry (at, table_name, key, what, before, after, door, who, why, request_id, role)
        SELECT now(), TG_TABLE_NAME, content ->> pk, 'removed', content, NULL, door, who, reason, request, session_user
        FROM (SELECT CASE WHEN whole THEN to_jsonb(r) ELSE {schema}.trail_content(to_jsonb(r), digested, unwatched) END AS content
            FROM old_rows AS r) AS removed;
    ELSE
        INSERT INTO {schema}.invoices_trailentry (at, table_name, key, what, before, after, door, who, why, request_id, role)
        SELECT now(), TG_TABLE_NAME, COALESCE(o.key, n.key),
            CASE WHEN n.key IS NULL THEN 'removed' WHEN o.key IS NULL THEN 'added' ELSE 'changed' END,
            CASE WHEN n.key IS NULL THEN o.content ELSE (
                SELECT jsonb_object_agg(was.key, was.value) FROM jsonb_each(o.content) AS was
                WHERE was.value IS DISTINCT FROM n.content -> was.key) END,
            n.content, door, who,
            CASE WHEN n.content ->> 'reason' <> '' AND n.content -> 'reason' IS DISTINCT FROM o.content -> 'reason'
                THEN n.content ->> 'reason' ELSE reason END,
            request, session_user
        FROM (SELECT to_jsonb(r) ->> pk AS key,
                CASE WHEN whole THEN to_jsonb(r) ELSE {schema}.trail_content(to_jsonb(r), digested, unwatched) END AS content
            FROM old_rows AS r) AS o
        FULL JOIN (SELECT to_jsonb(r) ->> pk AS key,
                CASE WHEN whole THEN to_jsonb(r) ELSE {schema}.trail_content(to_jsonb(r), digested, unwatched) END AS content
            FROM new_rows AS r) AS n ON n.key = o.key
        WHERE n.content IS DISTINCT FROM o.content;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION {schema}.trail_write() FROM PUBLIC;
"""
DIGEST = """
CREATE FUNCTION {schema}.trail_digest(e {schema}.invoices_trailentry) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_build_array(e.id, extract(epoch FROM e.at), e.table_name, e.key, e.what, e.before, e.after,
        e.door, e.who, e.why, e.request_id, e.role)::text, 'UTF8'))
$$;
"""
# Entries get their numbers in the order of what happened, and are seen when their transaction ends. Whatever had a number
# when the sealer came has an older transaction than the sealer's own; when all of those have ended, nothing can come in
# between any more, and nobody had to wait.
SEAL = """
CREATE FUNCTION {schema}.trail_seal(at_most integer, patience interval) RETURNS integer LANGUAGE plpgsql {own} AS $$
DECLARE
    before {schema}.invoices_trailseal;
    made {schema}.invoices_trailseal;
    own xid8;
    digest bytea;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'the trail is sealed in a transaction of its own';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('huadan seals the trail')) THEN RETURN 0; END IF;
    SELECT * INTO before FROM {schema}.invoices_trailseal ORDER BY number DESC LIMIT 1;
    SELECT last_value INTO made.last_id FROM {schema}.invoices_trailentry_id_seq;
    IF NOT EXISTS (SELECT FROM {schema}.invoices_trailentry WHERE id > COALESCE(before.last_id, 0) AND id <= made.last_id)
        THEN RETURN 0; END IF;
    own := pg_current_xact_id();
    WHILE pg_snapshot_xmin(pg_current_snapshot()) < own LOOP
        IF clock_timestamp() > statement_timestamp() + patience THEN RETURN -1; END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT array_agg(id ORDER BY id), string_agg(digest_of, '' ORDER BY id), max(id)
    INTO made.ids, made.digests, made.last_id FROM (
        SELECT e.id, {schema}.trail_digest(e) AS digest_of FROM {schema}.invoices_trailentry AS e
        WHERE e.id > COALESCE(before.last_id, 0) AND e.id <= made.last_id ORDER BY e.id LIMIT at_most) AS chosen;
    IF made.ids IS NULL THEN RETURN 0; END IF;
    made.number := COALESCE(before.number, 0) + 1;
    made.sealed_at := clock_timestamp();
    made.entries := COALESCE(before.entries, 0) + cardinality(made.ids);
    made.hash := sha256(COALESCE(before.hash, '') || convert_to(made.number || ' ' || extract(epoch FROM made.sealed_at), 'UTF8'));
    FOR place IN 0 .. cardinality(made.ids) - 1 LOOP
        made.hash := sha256(made.hash || substring(made.digests FROM place * 32 + 1 FOR 32));
    END LOOP;
    INSERT INTO {schema}.invoices_trailseal (number, sealed_at, last_id, entries, ids, digests, hash)
    VALUES (made.number, made.sealed_at, made.last_id, made.entries, made.ids, made.digests, made.hash);
    RETURN cardinality(made.ids);
END $$;
REVOKE EXECUTE ON FUNCTION {schema}.trail_seal(integer, interval) FROM PUBLIC;
"""
# A day that was passed over is never anchored afterwards: who takes an anchor out leaves a hole.
ANCHOR = """
CREATE FUNCTION {schema}.trail_anchor(today date) RETURNS SETOF {schema}.invoices_trailanchor LANGUAGE sql {own} AS $$
    INSERT INTO {schema}.invoices_trailanchor (day, seal, hash, entries, written_at)
    SELECT day::date, s.number, encode(s.hash, 'hex'), s.entries, clock_timestamp()
    FROM generate_series(
        COALESCE((SELECT max(day) + 1 FROM {schema}.invoices_trailanchor),
            (SELECT (sealed_at AT TIME ZONE 'UTC')::date FROM {schema}.invoices_trailseal ORDER BY number LIMIT 1))::timestamp,
        today - 1, interval '1 day') AS day
    CROSS JOIN LATERAL (SELECT * FROM {schema}.invoices_trailseal
        WHERE sealed_at < (day + interval '1 day') AT TIME ZONE 'UTC' ORDER BY number DESC LIMIT 1) AS s
    ON CONFLICT DO NOTHING RETURNING *
$$;
REVOKE EXECUTE ON FUNCTION {schema}.trail_anchor(date) FROM PUBLIC;
"""
DROP = """
DROP FUNCTION {schema}.trail_anchor(date), {schema}.trail_seal(integer, interval);
DROP FUNCTION {schema}.trail_write() CASCADE;
DROP FUNCTION {schema}.trail_digest({schema}.invoices_trailentry), {schema}.trail_content(jsonb, text[], text[]),
    {schema}.trail_actor();
"""


def _run(editor, statements):
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        for each in statements:
            cursor.execute(each.format(schema=schema, own=OWN, alike=ALIKE))


def write(apps, editor):
    _run(editor, [ACTOR, CONTENT, WRITE, DIGEST, SEAL, ANCHOR])


def drop(apps, editor):
    _run(editor, [DROP])


class Migration(migrations.Migration):
    dependencies = [("invoices", "0025_keep_the_audit_trail")]

    operations = [migrations.RunPython(write, drop)]
