"""A tenant's budgets: how they stand, which alerts were told; and their upkeep by a key that may operate."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from invoices.api.shapes import Shape
from invoices.budgeting import WrongBudget, keep_budget
from tenants.api import BoundedJSON, TenantView, example, read
from tenants.models import ApiKey, Budget, BudgetAlert, BudgetMonth, Tenant

NEW = {"name": "Robots 2026", "measure": "amount", "limit": "5000.00", "actual_percents": [50, 80, 100]}
MOST, MONTHS = 200, 3


def _percents() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1000), max_length=10, required=False
    )  # fmt: skip


def _limit(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=3, min_value=Decimal("0.001"), **options)


class BudgetChange(Shape):
    """What changes of a budget."""

    limit = _limit(required=False)
    actual_percents = _percents()
    forecast_percents = _percents()
    stops = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False)


class BudgetShape(BudgetChange):
    """A budget to be made; what it covers is fixed then."""

    name = serializers.CharField(max_length=100)
    measure = serializers.ChoiceField([kind for kind, _ in Budget.MEASURES], required=False)
    limit = _limit()
    clause = serializers.CharField(max_length=60, required=False, allow_blank=True)
    group_by = serializers.CharField(max_length=80, required=False, allow_blank=True)
    group = serializers.CharField(max_length=120, required=False, allow_blank=True)

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        """Refuse one of group_by and group without the other."""
        if bool(told.get("group")) != bool(told.get("group_by")):
            raise serializers.ValidationError({"group": ["Give both group_by and group, or neither."]})
        return told


class BudgetMonthAnswer(Shape):
    """How a budget stands in a month."""

    period_starts_on = serializers.DateField(source="period")
    used = serializers.DecimalField(18, 3)
    expected = serializers.DecimalField(18, 3, allow_null=True, help_text="By the end of the running month.")
    counted_at = serializers.DateTimeField(allow_null=True)


class BudgetAlertAnswer(Shape):
    """A threshold that was passed, told once."""

    period_starts_on = serializers.DateField(source="period")
    kind = serializers.ChoiceField([kind for kind, _ in BudgetAlert.KINDS])
    percent = serializers.IntegerField()
    limit = serializers.DecimalField(18, 3)
    stands_at = serializers.DecimalField(18, 3)
    at = serializers.DateTimeField()


class BudgetAnswer(Shape):
    """A budget with its latest months and their alerts."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    measure = serializers.ChoiceField([kind for kind, _ in Budget.MEASURES])
    limit = serializers.DecimalField(18, 3)
    currency = serializers.CharField(source="tenant.currency", help_text="Of an amount.")
    clause = serializers.CharField(allow_blank=True)
    group_by = serializers.CharField(allow_blank=True)
    group = serializers.CharField(allow_blank=True)
    actual_percents = serializers.ListField(child=serializers.IntegerField())
    forecast_percents = serializers.ListField(child=serializers.IntegerField())
    stops = serializers.BooleanField()
    active = serializers.BooleanField()
    stopped_in = serializers.DateField(
        allow_null=True, help_text="The month in which it stops calls, by its first day."
    )
    months = BudgetMonthAnswer(many=True, source="latest_months")
    alerts = BudgetAlertAnswer(many=True, source="latest_alerts")


class BudgetsAnswer(Shape):
    """All budgets of a tenant."""

    items = BudgetAnswer(many=True)


class BudgetDoor(TenantView):
    """A door to the key's tenant's budgets: read with ``read``, written with ``operate``."""

    parser_classes = [BoundedJSON]

    @property
    def scope(self) -> str:  # type: ignore[override]
        """Name what a key needs: to see, or to change."""
        return ApiKey.READ if self.request.method in SAFE_METHODS else ApiKey.OPERATE

    def budgets(self) -> QuerySet[Budget]:
        """List the tenant's budgets with their latest months and alerts."""
        months = Prefetch("months", BudgetMonth.objects.order_by("-period")[:MONTHS], "latest_months")
        alerts = Prefetch("alerts", BudgetAlert.objects.order_by("-pk")[:MOST], "latest_alerts")
        mine = Budget.objects.filter(tenant_id=self.holder.tenant_id).select_related("tenant").order_by("pk")
        return mine.prefetch_related(months, alerts)

    def keep(self, budget: Budget) -> dict[str, Any]:
        """Store a budget and show it. Raises WrongBudget."""
        try:
            with transaction.atomic():
                keep_budget(budget, datetime.now(UTC))
        except IntegrityError:
            raise WrongBudget("name_taken", "A budget of this name is there already.", pointer="/name") from None
        return BudgetAnswer(self.budgets().get(pk=budget.pk)).data


class BudgetsView(BudgetDoor):
    """GET and POST /api/v1/budgets."""

    @extend_schema(
        operation_id="list_budgets", summary="List budgets with how they stand", tags=["budgets"],
        responses={200: BudgetsAnswer, **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List budgets, inactive ones too, with their latest months and alerts."""
        return Response(BudgetsAnswer({"items": self.budgets()[:MOST]}).data)

    @extend_schema(
        operation_id="make_budget", summary="Make a budget", tags=["budgets"],
        description="Needs the scope operate. It is looked at within a minute, and each time the month was counted.",
        request={"application/json": BudgetShape}, examples=example(NEW),
        responses={201: BudgetAnswer, **problems(400, 415, 422)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a budget."""
        asked = read(BudgetShape, request)
        if Budget.objects.filter(tenant_id=self.holder.tenant_id).count() >= MOST:
            raise WrongBudget("too_many_budgets", f"A tenant has at most {MOST} budgets; change one that is there.")
        made = Budget(tenant=Tenant.objects.get(pk=self.holder.tenant_id), **asked)
        return Response(self.keep(made), status=201)


class BudgetView(BudgetDoor):
    """GET and PUT /api/v1/budgets/<id>."""

    @extend_schema(
        operation_id="get_budget", summary="Look a budget up", tags=["budgets"],
        responses={200: BudgetAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, budget: str) -> Response:
        """Show a budget."""
        return Response(BudgetAnswer(self.budget(budget)).data)

    @extend_schema(
        operation_id="put_budget", summary="Change a budget, or make it inactive", tags=["budgets"],
        description="Needs the scope operate. What it covers stays; another limit is told of anew.",
        request={"application/json": BudgetChange}, examples=example({"limit": "8000.00"}),
        responses={200: BudgetAnswer, **problems(400, 404, 415, 422)},
    )  # fmt: skip
    def put(self, request: Request, budget: str) -> Response:
        """Change what the body names."""
        changed = self.budget(budget)
        for name, value in read(BudgetChange, request).items():
            setattr(changed, name, value)
        return Response(self.keep(changed))

    def budget(self, number: str) -> Budget:
        """Find one of the tenant's budgets; 404 for any other."""
        found = self.budgets().filter(pk=int(number)).first()
        if found is None:
            raise Http404
        return found
