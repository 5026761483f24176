"""Role × action: every page, address and action of the admin names its permission, and opens to no role without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection, models
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, reverse

from billing import roles
from billing.roles import ROLES, permissions_of
from tests.admin.rows import make_rows
from tests.conftest import call_of

# Django's own views, each with the verb whose has_…_permission it asks.
USUAL = {
    "changelist_view": "view", "add_view": "add", "change_view": "view", "delete_view": "delete", "history_view": "view",
    "user_change_password": "change", "RedirectView": "view",
}  # fmt: skip
# What belongs to no page of rows: it is about the reader alone, or asks the permission of what it shows by itself.
FOR_ALL_STAFF = {
    "index", "app_list", "login", "logout", "password_change", "password_change_done", "jsi18n", "autocomplete", "view_on_site",
    "search", "toggle_sidebar", "enrol", "second_factor", "own_settings",
}  # fmt: skip
TELL = (
    'Put @permitted("app.permission") of billing.permitting on it (under @admin.action or @action; post= for what its form '
    "sends), with a permission that billing/roles.py gives to a role; then write the table in docs/finance.md anew."
)
NOBODY = "nobody"
# Visits, and PDFs, which are stored when they are looked at first.
RESTLESS = {
    "invoices_trailentry",
    "invoices_storedfile",
    "django_session",
    "django_admin_log",
    "django_migrations",
    "axes_accessattempt",
    "axes_accesslog",
}


def pages() -> Iterator[tuple[ModelAdmin[Any], URLPattern]]:
    """Walk all addresses below the admin's pages over rows, from the resolver itself."""
    for page in admin.site._registry.values():
        for pattern in page.get_urls():
            yield page, pattern


def needed(page: ModelAdmin[Any], view: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell what a view or action needs to be opened, any of it, and what to send something to it; () where it says nothing."""
    if named := getattr(view, "permissions", ()):
        return tuple(verb(page, name) if "." not in name else name for name in named), tuple(view.post_permissions)
    if allowed := getattr(view, "allowed_permissions", ()):
        return tuple(verb(page, name) if "." not in name else name for name in allowed), ()
    usual = USUAL.get(getattr(view, "__name__", "")) or USUAL.get(
        getattr(getattr(view, "view_class", None), "__name__", "")
    )
    if usual is None:
        return (), ()
    return (usually(page, usual),), ((usually(page, "change"),) if view.__name__ == "change_view" else ())


def usually(page: ModelAdmin[Any], name: str) -> str:
    """Name what one of Django's views asks for; where the page lets not even a superuser, what nobody has."""
    return verb(page, name) if getattr(page, f"has_{name}_permission")(_omnipotent()) else NOBODY


def _omnipotent() -> Any:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return request


def verb(page: ModelAdmin[Any], name: str) -> str:
    if name == "view" and hasattr(page, "permission"):
        return page.permission
    return f"{page.opts.app_label}.{name}_{page.opts.model_name}"


def actions_of(page: ModelAdmin[Any]) -> dict[str, Any]:
    return {name: found[0] for name, found in page.get_actions(_omnipotent()).items()}


def label(page: ModelAdmin[Any], pattern: URLPattern) -> str:
    return f"{page.opts.label_lower} {pattern.pattern}"


def test_every_address_of_every_page_names_its_permission() -> None:
    silent = [label(page, pattern) for page, pattern in pages() if not needed(page, pattern.callback)[0]]
    assert silent == [], TELL


def test_every_action_names_its_permission() -> None:
    silent = [f"{page.opts.label_lower} {name}" for page in admin.site._registry.values() for name, action in actions_of(page).items() if not needed(page, action)[0]]  # fmt: skip
    assert silent == [], TELL


def test_only_what_is_for_all_staff_lies_outside_the_pages() -> None:
    below = {str(pattern.pattern) for pattern in admin.site.get_urls() if isinstance(pattern, URLResolver)}
    assert below == {f"{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
    outside = {pattern.name for pattern in admin.site.get_urls() if isinstance(pattern, URLPattern) and pattern.name}
    assert outside - FOR_ALL_STAFF == set(), (
        "name it in FOR_ALL_STAFF if it shows no rows; otherwise make it a page's own. " + TELL
    )


def test_every_permission_that_something_needs_is_given_to_a_role() -> None:
    there, given = roles.permissions_there_are(), {name for role in ROLES for name in permissions_of(role)}
    wanted = {name for page, pattern in pages() for part in needed(page, pattern.callback) for name in part}
    wanted |= {name for page in admin.site._registry.values() for action in actions_of(page).values() for name in needed(page, action)[0]}  # fmt: skip
    own = {
        name
        for name in wanted - {NOBODY}
        if name.partition(".")[2].partition("_")[0] not in {"view", "add", "change", "delete"}
    }
    assert own - there == set()
    assert own - given == set(), "no role may do it; add it to billing/roles.py"


def test_the_table_names_only_permissions_there_are(monkeypatch: Any) -> None:
    assert roles.patterns_of_nothing() == []
    monkeypatch.setitem(ROLES, "viewer", ("invoices.view_*", "invoices.view_invoise"))
    assert roles.patterns_of_nothing() == ["invoices.view_invoise"]


@pytest.mark.django_db
def test_after_migrate_each_role_is_a_group_that_says_what_the_table_says() -> None:
    clerk = Group.objects.get(name="billing clerk")
    clerk.permissions.add(Permission.objects.get(codename="issue_invoice"))
    clerk.permissions.remove(Permission.objects.get(codename="add_refund"))
    Group.objects.get(name="viewer").delete()
    for _each in range(2):
        call_command("migrate", verbosity=0)
        for role in ROLES:
            held = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
            assert {f"{app}.{codename}" for app, codename in held} == permissions_of(role), role


@pytest.mark.django_db
def test_an_administrator_makes_nobody_a_superuser_and_takes_over_none() -> None:
    boss = User.objects.create_superuser("boss", password="a-long-password-1")
    client = reader("administrator")
    assert client.post(f"/admin/auth/user/{boss.pk}/password/", {"password1": "b-2-long-enough", "password2": "b-2-long-enough"}).status_code == 403  # fmt: skip
    colleague = User.objects.create_user("colleague", is_staff=True)
    form = {"username": "colleague", "is_active": "on", "is_superuser": "on", "groups": [Group.objects.get(name="auditor").pk], "date_joined_0": "2026-11-01", "date_joined_1": "10:00"}  # fmt: skip
    assert client.post(f"/admin/auth/user/{colleague.pk}/change/", form).status_code == 302
    colleague.refresh_from_db()
    assert (colleague.is_superuser, colleague.groups.get().name) == (False, "auditor")
    auditors = Group.objects.get(name="auditor").pk
    assert client.get(f"/admin/auth/group/{auditors}/change/").status_code == 200
    assert client.post(f"/admin/auth/group/{auditors}/change/", {"name": "x"}).status_code == 403


def reader(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client(headers={"Accept-Language": "en"}, raise_request_exception=True)
    client.force_login(user)
    return client


@pytest.fixture
def rows(contract: Any, post: Any, monkeypatch: Any) -> dict[type[models.Model], models.Model]:
    for task in ("continue_closes", "deliver_due", "check_books", "draft_contract_month", "issue_invoices"):
        monkeypatch.setattr(f"invoices.tasks.{task}", _Never())
    post(call_of(1))
    return make_rows(contract)


class _Never:
    """Stands for a task: nothing here may wake one."""

    def __call__(self, *args: Any) -> None:
        pytest.fail("a task was woken")

    delay = __call__


def addresses(page: ModelAdmin[Any], pattern: URLPattern, rows: dict[Any, Any]) -> str:
    """Fill in an address with ids of rows there are."""
    told = {"invoices_reopening_ask": "ask/{tenant}/2026-10-01/", "invoices_invoice_preview": "preview/{version}/"}
    row = rows.get(page.model)
    values = {"tenant": rows[_model("tenants.Tenant")].pk, "contract": rows[_model("tenants.Contract")].pk, "version": rows[_model("tenants.ContractVersion")].pk, "period": "2026-10-01", "form": "csv"}  # fmt: skip
    text = told.get(pattern.name or "", "") or _filled(pattern, {"pk": row.pk if row else 1, "object_id": row.pk if row else 1, "id": row.pk if row else 1} | values)  # fmt: skip
    return f"/admin/{page.opts.app_label}/{page.opts.model_name}/{text.format(**values)}"


def _filled(pattern: URLPattern, values: dict[str, Any]) -> str:
    text = str(pattern.pattern)
    for name in pattern.pattern.converters:
        for written in (
            f"<int:{name}>",
            f"<str:{name}>",
            f"<path:{name}>",
            f"<{name}>",
            f"<uuid:{name}>",
            f"<slug:{name}>",
        ):
            text = text.replace(written, str(values[name]))
    return text


def _model(name: str) -> type[models.Model]:
    from django.apps import apps

    return apps.get_model(name)


def fingerprint() -> dict[str, str]:
    """Hash every table, but for those that remember visits."""
    tables = [name for name in connection.introspection.table_names() if name not in RESTLESS]
    with connection.cursor() as cursor:
        found = {}
        for name in tables:
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM \"{name}\" t")
            found[name] = cursor.fetchone()[0]
    return found


SENT = {"decision": "approve", "do": "reverse", "reason": "Because.", "reference": "r-1", "amount": "1", "post": "yes"}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_what_the_table_says_and_nothing_else(role: str, rows: dict[Any, Any]) -> None:
    client, may = reader(role), permissions_of(role)
    before, wrong = fingerprint(), []
    for page, pattern in pages():
        address = addresses(page, pattern, rows)
        to_open, to_send = needed(page, pattern.callback)
        allowed = any(name in may for name in to_open)
        answer = client.get(address)
        closed = 302 if "view_class" in vars(pattern.callback) else 403  # a bare redirect to a page that is closed
        if answer.status_code not in ({200, 302, 404, 405} if allowed else {closed}):
            wrong.append(("GET", address, answer.status_code))
        if not allowed or (to_send and not may & set(to_send)):
            answer = client.post(address, SENT)
            if answer.status_code != closed:
                wrong.append(("POST", address, answer.status_code))
    for page in admin.site._registry.values():
        request = RequestFactory().get("/")
        request.user = User.objects.get(username=role)
        actions, offered = actions_of(page), set(page.get_actions(request))
        if offered != (given := {name for name, action in actions.items() if set(needed(page, action)[0]) <= may}):
            wrong.append(("offered", page.opts.label_lower, offered ^ given))
        for name in set(actions) - given:
            sent = {"action": name, "_selected_action": [str(rows[page.model].pk)], "reason": "Because.", "post": "yes"}
            answer = client.post(reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"), sent)
            if answer.status_code != 403:
                wrong.append(("action", name, answer.status_code))
    assert wrong == [], "\n".join(map(str, wrong))
    after = fingerprint()
    assert [name for name in before if before[name] != after.get(name)] == []
