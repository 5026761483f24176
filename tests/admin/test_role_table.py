"""The table of roles in the finance guide is made from the addresses and actions there are."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils.text import capfirst

from billing.environment import ROOT
from billing.navigation import TASKS
from billing.roles import ROLES, permissions_of
from tests.admin.test_roles import NOBODY, actions_of, needed

GUIDE = ROOT / "docs" / "finance.md"
BEGIN, END = "<!-- roles: made by tests/admin/test_role_table.py -->\n", "<!-- end of roles -->\n"
SHORT = {"view": "see"}
ORDER = ["view", "add", "change", "delete"]


def table() -> str:
    """Write the table: a line for each page of the menu, in each column what the role may do there."""
    lines = [["page", *ROLES], ["---"] * (len(ROLES) + 1)]
    for _task, pages in TASKS:
        for name, _icon in pages:
            page = admin.site.get_model_admin(apps.get_model(*name.split("_")))
            asked = _asked_of(page)
            cells = [", ".join(_short(page, each) for each in asked if each in permissions_of(role)) or "–" for role in ROLES]  # fmt: skip
            lines.append([capfirst(str(page.opts.verbose_name_plural)), *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _asked_of(page: Any) -> list[str]:
    """List the permissions that the addresses and actions of a page ask for, seeing first."""
    views = [pattern.callback for pattern in page.get_urls()] + list(actions_of(page).values())
    found = {name for view in views for part in needed(page, view) for name in part} - {NOBODY}
    return sorted(found, key=lambda name: (not _own(page, name), _rank(name), name))


def _rank(name: str) -> int:
    return ORDER.index(_verb(name)) if _verb(name) in ORDER else len(ORDER)


def _verb(name: str) -> str:
    return name.partition(".")[2].partition("_")[0]


def _own(page: Any, name: str) -> bool:
    return name in {f"{page.opts.app_label}.{_verb(name)}_{page.opts.model_name}", getattr(page, "permission", "")}


def _short(page: Any, name: str) -> str:
    """Name a permission of the page's own rows by its verb, another with what it is about."""
    verb = SHORT.get(_verb(name), _verb(name))
    if _own(page, name):
        return verb
    app, _dot, codename = name.partition(".")
    return f"{verb} {apps.get_model(app, codename.partition('_')[2])._meta.verbose_name}"


@pytest.mark.usefixtures("in_english")
def test_the_guide_prints_the_table_of_roles() -> None:
    printed = GUIDE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert printed == table().strip(), f"write this between the marks in docs/finance.md:\n\n{table()}"
