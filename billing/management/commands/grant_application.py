"""``manage.py grant_application ROLE``."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection, transaction
from psycopg.sql import SQL, Identifier, Literal

# The audit trail is written by triggers and sealed by functions, which act as the owner.
# Only rows: no TRUNCATE, no TRIGGER, no REFERENCES, and nothing it could alter, drop or switch off.
RIGHTS = """
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role};
REVOKE INSERT, UPDATE, DELETE ON invoices_trailentry, invoices_trailseal, invoices_trailanchor FROM {role};
REVOKE ALL ON SEQUENCE invoices_trailentry_id_seq FROM {role};
GRANT EXECUTE ON FUNCTION trail_seal(integer, interval), trail_anchor(date) TO {role};
"""
FOUND = """
SELECT current_schema(), rolsuper OR EXISTS (
    SELECT FROM pg_class WHERE oid = 'tenants_contractversion'::regclass AND relowner = pg_roles.oid)
FROM pg_roles WHERE rolname = %s
"""
# The programs make and drop the partitions of calls, so these are theirs. No trigger guards calls.
CALLS = """
SELECT 'usage_call'::regclass::text UNION ALL
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_call'::regclass
"""


class Command(BaseCommand):
    """Let a database role run Huadan without owning its tables, so that it cannot switch off what guards them."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take the role."""
        parser.add_argument("role", help="a role that may log in and owns nothing, such as huadan_app")
        parser.add_argument(
            "--password-of", metavar="VARIABLE", help="make the role, or give it this environment variable's password"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant all that the programs need; to be run by the owner after each migrate. Ends with 1 when it cannot."""
        role = Identifier(options["role"])
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if variable := options["password_of"]:
                    _log_in(cursor, options["role"], os.environ.get(variable) or "")
                cursor.execute(FOUND, [options["role"]])
                found = cursor.fetchone()
                if found is None:
                    raise CommandError(f"There is no role {options['role']}; make it first: CREATE ROLE … LOGIN.")
                if found[1]:
                    raise CommandError(f"{options['role']} is a superuser or owns the tables; take another role.")
                cursor.execute(SQL(RIGHTS).format(role=role, schema=Identifier(found[0])))
                cursor.execute(CALLS)
                for (table,) in cursor.fetchall():
                    cursor.execute(SQL("ALTER TABLE {} OWNER TO {}").format(Identifier(table), role))
        except ProgrammingError as error:
            raise CommandError(
                f"{error}\nRun it as the owner of the tables, who must be a member of the role."
            ) from None
        self.stdout.write(f"{options['role']} may run Huadan; who migrates stays the owner.")


def _log_in(cursor: Any, role: str, password: str) -> None:
    """Make the role when it is missing, and let it log in with the password; the owner becomes a member of it."""
    if not password:
        raise CommandError("The variable that should hold the role's password is empty; fill it in.")
    cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
    words = {"role": Identifier(role), "password": Literal(password)}
    if not cursor.fetchone()[0]:
        cursor.execute(SQL("CREATE ROLE {role}; GRANT {role} TO CURRENT_USER").format(**words))
    cursor.execute(SQL("ALTER ROLE {role} LOGIN PASSWORD {password}").format(**words))
