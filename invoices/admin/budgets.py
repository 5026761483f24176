"""Budgets of tenants: what was agreed to be told of, how each stands, and which alerts went out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing.admin import KeptAdmin, ViewOnlyAdmin
from billing.errors import Refused
from invoices.budget_mails import figure_of
from invoices.budgeting import keep_budget, refuse_wrong
from tenants.models import Budget, BudgetAlert, BudgetMonth


class BudgetForm(ModelForm):  # type: ignore[type-arg]
    """What a tenant means to spend or use, and when it is told."""

    class Meta:
        model = Budget
        fields = (
            "tenant", "name", "measure", "limit", "clause", "group_by", "group", "actual_percents", "forecast_percents",
            "stops", "active",
        )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        """Say of a clause or a group that the tenant's contracts do not know which they know."""
        told = super().clean() or {}
        if told.get("tenant"):
            names = {name: told[name] for name in ("tenant", "clause", "group_by", "group") if name in told}
            try:
                refuse_wrong(Budget(**names), datetime.now(UTC))
            except Refused as refusal:
                self.add_error(refusal.pointer.removeprefix("/"), refusal.message)
        return told


class _ShownInline(TabularInline):  # type: ignore[misc]
    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one by hand."""
        return False


class MonthInline(_ShownInline):
    """How the budget stood, month by month."""

    model = BudgetMonth
    fields = ("period", "used", "expected", "counted_at", "looked_at")


class AlertInline(_ShownInline):
    """What was told of it."""

    model = BudgetAlert
    fields = ("period", "kind", "percent", "limit", "stands_at", "at")


@admin.register(Budget)
class BudgetAdmin(KeptAdmin):
    """The budgets; one that is not wanted any more is made inactive, so that what was told stays."""

    form = BudgetForm
    list_display = ("name", "tenant", "covers", "limit_shown", "stands", "stops", "active", "looked_at")
    list_select_related = ("tenant",)
    list_filter = ("active", "stops", "measure", ("tenant", AutocompleteSelectFilter))
    search_fields = ("name", "tenant__code", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)
    inlines = (MonthInline, AlertInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose it is and what it measures stays: its months and alerts were told in that measure."""
        return ("tenant", "measure") if obj else ()

    @admin.display(description=gettext_lazy("covers"))
    def covers(self, budget: Budget) -> str:
        """Name the clause and the group, or say that it is everything."""
        return " · ".join(filter(None, (budget.clause, budget.group and f"{budget.group_by}={budget.group}"))) or _(
            "all"
        )

    @admin.display(description=gettext_lazy("budget a month"), ordering="limit")
    def limit_shown(self, budget: Budget) -> str:
        """Write the budget with its unit."""
        return figure_of(budget, budget.limit)

    @admin.display(description=gettext_lazy("stands at"))
    def stands(self, budget: Budget) -> str:
        """Show what was used in the latest month, and what is expected, in percent of the budget, as figures and as a bar."""
        latest = budget.months.first()
        if latest is None:
            return "–"
        used = latest.used * 100 / budget.limit
        words = _("%(used)s %% used") % {"used": f"{used:.0f}"}
        if latest.expected is not None:
            words += " · " + _("%(expected)s %% expected") % {"expected": f"{latest.expected * 100 / budget.limit:.0f}"}
        return format_html(
            '<progress max="100" value="{}" aria-hidden="true"></progress> {}', min(round(used), 100), words
        )

    def save_model(self, request: HttpRequest, obj: Budget, form: ModelForm[Budget], change: bool) -> None:
        """Store it; it is looked at within a minute."""
        keep_budget(obj, datetime.now(UTC))


@admin.register(BudgetAlert)
class BudgetAlertAdmin(ViewOnlyAdmin):
    """Every alert that was told, the newest first."""

    list_display = ("at", "tenant", "budget", "period", "kind", "percent", "limit", "stands_at", "mails_shown")
    list_select_related = ("budget__tenant",)
    list_filter = ("kind", ("at", admin.DateFieldListFilter), ("budget__tenant", AutocompleteSelectFilter))
    search_fields = ("budget__name", "budget__tenant__code")

    @admin.display(description=gettext_lazy("tenant"))
    def tenant(self, alert: BudgetAlert) -> str:
        """Name whose budget it is."""
        return str(alert.budget.tenant)

    @admin.display(description=gettext_lazy("mails"))
    def mails_shown(self, alert: BudgetAlert) -> str:
        """List who was written to, and how it went; an alert passed together with a higher one is in that one's mail."""
        return ", ".join(f"{each.recipient}: {each.get_state_display()}" for each in alert.mails.all()) or "–"
