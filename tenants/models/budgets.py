"""What a tenant means to spend or use in a month, how it stands, and who was told when it was reached."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail
from tenants.models.parties import Tenant

PERCENT = [MinValueValidator(1), MaxValueValidator(1000)]


def default_actual() -> list[int]:
    """Tell at half, at four fifths and when it is used up."""
    return [50, 80, 100]


def default_forecast() -> list[int]:
    """Tell as soon as the month is expected to use it up."""
    return [100]


class Budget(models.Model):
    """An amount or a quantity for each billing month (预算) of a tenant: of all it owes, of one clause, or of one group.

    ``measure``: the amount with tax in the tenant's currency for the whole bill, without tax for a clause; billed minutes; or
    calls. ``group_by`` and ``group`` choose the usage of one robot, line or label where the contract's clauses tell them
    apart. ``stopped_in`` is the month in which a budget that stops was used up, read by the quota door.
    """

    AMOUNT, MINUTES, CALLS = "amount", "minutes", "calls"
    MEASURES = [(AMOUNT, _("amount")), (MINUTES, _("billed minutes")), (CALLS, _("calls"))]

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="budgets", verbose_name=_("tenant"))
    name = models.CharField(_("name"), max_length=100)
    measure = models.CharField(_("measure"), max_length=8, choices=MEASURES, default=AMOUNT)
    limit = models.DecimalField(
        _("budget a month"), max_digits=18, decimal_places=3, validators=[MinValueValidator(Decimal("0.001"))]
    )
    clause = models.CharField(
        _("clause"), max_length=60, blank=True, help_text=_("Its code; empty: the whole bill, or all usage.")
    )
    group_by = models.CharField(
        _("told apart by"), max_length=80, blank=True,
        help_text=_("robot, line, or a label such as label:campaign, where a clause of the contract tells them apart."),
    )  # fmt: skip
    group = models.CharField(_("value"), max_length=120, blank=True, help_text=_("Such as the campaign's name."))
    actual_percents = ArrayField(
        models.PositiveSmallIntegerField(validators=PERCENT), verbose_name=_("told at, in percent used"),
        default=default_actual, blank=True, size=10, help_text=_("Such as 50,80,100."),
    )  # fmt: skip
    forecast_percents = ArrayField(
        models.PositiveSmallIntegerField(validators=PERCENT), verbose_name=_("told at, in percent expected"),
        default=default_forecast, blank=True, size=10, help_text=_("Of what the month is expected to come to."),
    )  # fmt: skip
    stops = models.BooleanField(
        _("stops calls"), default=False,
        help_text=_("When it is used up, GET /api/v1/quota answers that no other call is allowed until the month ends."),
    )  # fmt: skip
    active = models.BooleanField(_("active"), default=True)
    stopped_in = models.DateField(_("stops calls in the month from"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    changed_at = models.DateTimeField(_("changed"))
    looked_at = models.DateTimeField(_("looked at"), null=True, editable=False)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="budget_once"),
            models.CheckConstraint(condition=models.Q(limit__gt=0), name="budget_is_something"),
            models.CheckConstraint(
                condition=models.Q(group="", group_by="") | (~models.Q(group="") & ~models.Q(group_by="")),
                name="budget_group_is_told_by_something",
                violation_error_message=_("Give both: what tells usage apart, and its value; or neither."),
            ),
        ]
        indexes = [models.Index(fields=["looked_at"], name="active_budgets", condition=models.Q(active=True))]

    def __str__(self) -> str:
        return self.name


class BudgetMonth(models.Model):
    """How a budget stands in a month: used, and expected by its end; as of the count that ``counted_at`` names."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="months", verbose_name=_("budget"))
    period = models.DateField(_("month from"))
    used = models.DecimalField(_("used"), max_digits=18, decimal_places=3)
    expected = models.DecimalField(_("expected by its end"), max_digits=18, decimal_places=3, null=True)
    counted_at = models.DateTimeField(_("counted"), null=True)
    looked_at = models.DateTimeField(_("looked at"))

    class Meta:
        verbose_name = _("month of a budget")
        verbose_name_plural = _("months of budgets")
        ordering = ["-period"]
        constraints = [models.UniqueConstraint(fields=["budget", "period"], name="budget_month_once")]

    def __str__(self) -> str:
        return f"{self.budget} {self.period:%Y-%m}"


class BudgetAlert(models.Model):
    """A threshold of a budget was passed in a month, by what was used or by what is expected: one row, told once.

    ``limit`` is the budget it was told of; another limit in the same month is told of anew. ``stands_at`` is what was used
    or expected then.
    """

    ACTUAL, FORECAST = "actual", "forecast"
    KINDS = [(ACTUAL, _("used")), (FORECAST, _("expected"))]

    budget = models.ForeignKey(Budget, models.PROTECT, related_name="alerts", verbose_name=_("budget"))
    period = models.DateField(_("month from"))
    kind = models.CharField(_("by"), max_length=8, choices=KINDS)
    percent = models.PositiveSmallIntegerField(_("percent"))
    limit = models.DecimalField(_("budget a month"), max_digits=18, decimal_places=3)
    stands_at = models.DecimalField(_("stood at"), max_digits=18, decimal_places=3)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("budget alert")
        verbose_name_plural = _("budget alerts")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "period", "kind", "percent", "limit"], name="budget_alert_once")
        ]

    def __str__(self) -> str:
        return f"{self.budget} {self.period:%Y-%m} {self.percent} % {self.get_kind_display()}"


class BudgetMail(OwedMail):
    """The mail that tells one address of an alert; where several thresholds were passed at once, of the highest."""

    alert = models.ForeignKey(BudgetAlert, models.PROTECT, related_name="mails", verbose_name=_("budget alert"))

    class Meta:
        verbose_name = _("mail about a budget")
        verbose_name_plural = _("mails about budgets")
        constraints = [models.UniqueConstraint(fields=["alert", "recipient"], name="told_once_of_a_budget")]
        indexes = [
            models.Index(
                fields=["due_at"], name="due_budget_mails", condition=models.Q(state__in=["queued", "sending"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.alert} → {self.recipient}"
