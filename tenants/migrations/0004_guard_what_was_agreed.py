"""What holds whoever asks: history is only added to, the invoiced past stands, contracts do not overlap, books balance."""

from django.db import migrations

ADDED_ONLY = """
CREATE FUNCTION tenants_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only added to; enter a counter entry', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
ADDED_ONLY_TABLES = ["contractevent", "subscriptionchange", "measuredlevel", "packagepurchase", "posting", "movement"]

# A contract of no scope takes the calls that no other one is for; so two without a scope meet, and two with scopes
# meet unless some dimension that both name tells them apart.
CONTRACTS = """
CREATE FUNCTION tenants_scopes_meet(one jsonb, other jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (one = '{}') = (other = '{}')
        AND NOT EXISTS (
            SELECT FROM (VALUES ('source'), ('robot'), ('line')) AS dimension (name)
            WHERE one ? name AND other ? name
            AND NOT (one -> name) ?| ARRAY(SELECT jsonb_array_elements_text(other -> name)))
        AND NOT EXISTS (
            SELECT FROM jsonb_each(COALESCE(one -> 'labels', '{}')) AS label (name, wanted)
            WHERE other -> 'labels' ? name
            AND NOT wanted ?| ARRAY(SELECT jsonb_array_elements_text(other -> 'labels' -> name)))
$$;

CREATE FUNCTION tenants_days_in_force(contract bigint) RETURNS daterange LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN min(version.starts_on) IS NULL OR min(version.starts_on) >= agreed.ends_on THEN 'empty'::daterange
        ELSE daterange(min(version.starts_on), agreed.ends_on) END
    FROM tenants_contract AS agreed
    LEFT JOIN tenants_contractversion AS version ON version.contract_id = agreed.id AND version.signed_at IS NOT NULL
    WHERE agreed.id = contract GROUP BY agreed.id
$$;

CREATE FUNCTION tenants_refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own tenants_contract;
    found text;
BEGIN
    IF TG_TABLE_NAME = 'tenants_contract' THEN own := NEW;
    ELSE SELECT * INTO own FROM tenants_contract WHERE id = NEW.contract_id;
    END IF;
    PERFORM FROM tenants_tenant WHERE id = own.tenant_id FOR NO KEY UPDATE;
    SELECT code INTO found FROM tenants_contract AS other
    WHERE other.tenant_id = own.tenant_id AND other.id <> own.id AND tenants_scopes_meet(own.scope, other.scope)
        AND tenants_days_in_force(own.id) && tenants_days_in_force(other.id) LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'contract % is for the same calls on the same days as contract %', own.code, found
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'contracts_do_not_overlap';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER contracts_do_not_overlap AFTER INSERT OR UPDATE OF signed_at, starts_on
    ON tenants_contractversion FOR EACH ROW WHEN (NEW.signed_at IS NOT NULL) EXECUTE FUNCTION tenants_refuse_overlap();
CREATE CONSTRAINT TRIGGER contracts_do_not_overlap AFTER INSERT OR UPDATE OF ends_on, scope, tenant_id
    ON tenants_contract FOR EACH ROW EXECUTE FUNCTION tenants_refuse_overlap();

CREATE FUNCTION tenants_refuse_change_of_contract() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.scope <> OLD.scope OR NEW.tenant_id <> OLD.tenant_id)
        AND EXISTS (SELECT FROM tenants_contractversion WHERE contract_id = OLD.id AND signed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'contract % has a signed version; its scope stands', OLD.code USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.ends_on IS DISTINCT FROM OLD.ends_on AND LEAST(NEW.ends_on, OLD.ends_on) < OLD.frozen_until THEN
        RAISE EXCEPTION 'contract % is invoiced up to %', OLD.code, OLD.frozen_until USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoiced_contracts_stand BEFORE UPDATE ON tenants_contract
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change_of_contract();

CREATE FUNCTION tenants_refuse_version_in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tenants_contract WHERE id = NEW.contract_id
               AND (NEW.starts_on < frozen_until OR NEW.starts_on >= ends_on)) THEN
        RAISE EXCEPTION 'version % begins in an invoiced month or after the contract''s end', NEW.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER versions_begin_while_open BEFORE INSERT OR UPDATE ON tenants_contractversion
    FOR EACH ROW WHEN (NEW.signed_at IS NOT NULL) EXECUTE FUNCTION tenants_refuse_version_in_the_past();
"""

# Only what an invoice has not been computed from can be entered: the column named by the trigger's argument says when.
ENTRIES = """
CREATE FUNCTION tenants_refuse_entry_in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tenants_contract WHERE id = NEW.contract_id
               AND (to_jsonb(NEW) ->> TG_ARGV[0])::date < frozen_until) THEN
        RAISE EXCEPTION 'the month of this entry is invoiced' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entries_come_while_open BEFORE INSERT ON tenants_subscriptionchange
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_entry_in_the_past('on');
CREATE TRIGGER entries_come_while_open BEFORE INSERT ON tenants_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_entry_in_the_past('period_starts_on');
"""

BOOKS = """
CREATE FUNCTION tenants_refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted bigint := CASE WHEN TG_TABLE_NAME = 'tenants_posting' THEN (to_jsonb(NEW) ->> 'id') ELSE (to_jsonb(NEW) ->> 'posting_id') END;
    bought bigint;
    "left" numeric;
BEGIN
    IF (SELECT count(*) <> 2 OR sum(units) <> 0 OR count(*) FILTER (WHERE account = 'balance') <> 1
        FROM tenants_movement WHERE posting_id = posted) THEN
        RAISE EXCEPTION 'posting % does not add up to zero over two accounts', posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'postings_balance';
    END IF;
    SELECT purchase_id INTO bought FROM tenants_posting WHERE id = posted;
    PERFORM FROM tenants_packagepurchase WHERE id = bought FOR UPDATE;
    SELECT sum(units) INTO "left" FROM tenants_movement JOIN tenants_posting ON tenants_posting.id = posting_id
    WHERE purchase_id = bought AND account = 'balance';
    IF "left" < 0 OR "left" > (SELECT quantity FROM tenants_packagepurchase WHERE id = bought) THEN
        RAISE EXCEPTION 'purchase % would have % left', bought, "left"
            USING ERRCODE = 'check_violation', CONSTRAINT = 'balance_not_negative';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT ON tenants_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_unbalanced();
CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT ON tenants_movement DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_unbalanced();
"""

FORWARDS = [
    ADDED_ONLY,
    *(
        f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON tenants_{table} "
        "FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();"
        for table in ADDED_ONLY_TABLES
    ),
    CONTRACTS,
    ENTRIES,
    BOOKS,
]
BACKWARDS = """
DROP TRIGGER postings_balance ON tenants_posting; DROP TRIGGER postings_balance ON tenants_movement;
DROP TRIGGER entries_come_while_open ON tenants_subscriptionchange; DROP TRIGGER entries_come_while_open ON tenants_measuredlevel;
DROP TRIGGER versions_begin_while_open ON tenants_contractversion; DROP TRIGGER invoiced_contracts_stand ON tenants_contract;
DROP TRIGGER contracts_do_not_overlap ON tenants_contract; DROP TRIGGER contracts_do_not_overlap ON tenants_contractversion;
DROP FUNCTION tenants_refuse_unbalanced, tenants_refuse_entry_in_the_past, tenants_refuse_version_in_the_past,
    tenants_refuse_change_of_contract, tenants_refuse_overlap, tenants_days_in_force, tenants_scopes_meet;
""" + "".join(f"DROP TRIGGER only_added_to ON tenants_{table};" for table in ADDED_ONLY_TABLES)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_hold_scopes_subscriptions_and_packages")]

    operations = [migrations.RunSQL("\n".join(FORWARDS), BACKWARDS + "DROP FUNCTION tenants_refuse_change;")]
