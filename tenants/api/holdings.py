"""What is held under a contract: subscriptions (tenants too), measured levels, packages. Entries stand for ever."""

from __future__ import annotations

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.periods import period_containing
from tenants.api import shapes
from tenants.api.authentication import OperatorView
from tenants.levels import enter_level
from tenants.models import PackagePurchase
from tenants.packages import balance_of, buy_package
from tenants.subscribing import change_subscription

AT_ONCE = 1000
AGAIN = "The same external id with the same content is the same entry; with other content it is refused (409)."


class SubscriptionsView(OperatorView):
    """GET /api/v1/contracts/<contract>/subscriptions."""

    for_tenants = True

    @extend_schema(
        operation_id="list_subscriptions", summary="List changes of modules, seats and numbers", tags=["contracts"],
        responses={200: shapes.SubscriptionAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List the latest changes, newest day first."""
        found = self.contract(contract).subscriptions.order_by("-on", "-pk")[:AT_ONCE]
        return Response(shapes.SubscriptionAnswer(found, many=True).data)


class SubscriptionView(OperatorView):
    """PUT /api/v1/contracts/<contract>/subscriptions/<external_id>."""

    for_tenants = True

    @extend_schema(
        operation_id="put_subscription", summary="Change modules, seats or numbers", tags=["contracts"],
        description=f"How many more (or fewer) from a day on. {AGAIN} A counter entry takes an entry back.",
        request={"application/json": shapes.SubscriptionShape},
        examples=shapes.example({"item": "seats", "change": "2", "on": "2026-10-16", "reason": "order 7"}),
        responses={200: shapes.SubscriptionAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def put(self, request: Request, contract: str, external_id: str) -> Response:
        """Enter a change."""
        asked = shapes.read(shapes.SubscriptionShape, request)
        entry = change_subscription(
            self.contract(contract), external_id=external_id, by=self.by, now=datetime.now(UTC), **asked
        )
        return Response(shapes.SubscriptionAnswer(entry).data)


class LevelView(OperatorView):
    """PUT /api/v1/contracts/<contract>/measurements/<external_id>."""

    @extend_schema(
        operation_id="put_measurement", summary="Enter what a service came to in a month", tags=["contracts"],
        description=f"The latest entry of a month counts. {AGAIN}", request={"application/json": shapes.LevelShape},
        examples=shapes.example(
            {"measure": "availability", "level": "0.9985", "month": "2026-10-01", "reason": "monitoring report"}
        ),
        responses={200: shapes.LevelAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def put(self, request: Request, contract: str, external_id: str) -> Response:
        """Enter a level."""
        asked, found = shapes.read(shapes.LevelShape, request), self.contract(contract)
        period = period_containing(asked.pop("month"), found.tenant.billing_day)
        entry = enter_level(found, period=period, external_id=external_id, by=self.by, now=datetime.now(UTC), **asked)
        return Response(shapes.LevelAnswer(entry).data)


class PackagesView(OperatorView):
    """GET /api/v1/contracts/<contract>/packages."""

    for_tenants = True

    @extend_schema(
        operation_id="list_packages", summary="List packages and what is left of them", tags=["contracts"],
        responses={200: shapes.PurchaseAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List purchases, newest first."""
        found = self.contract(contract).packages.order_by("-bought_on", "-pk")[:AT_ONCE]
        return Response([_told(each) for each in found])


class PackageView(OperatorView):
    """PUT /api/v1/contracts/<contract>/packages/<external_id>."""

    @extend_schema(
        operation_id="put_package", summary="Enter that a package was bought", tags=["contracts"], description=AGAIN,
        request={"application/json": shapes.PurchaseShape},
        examples=shapes.example({"package": "pack", "on": "2026-10-03", "reason": "order 8"}),
        responses={200: shapes.PurchaseAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def put(self, request: Request, contract: str, external_id: str) -> Response:
        """Enter a purchase."""
        asked = shapes.read(shapes.PurchaseShape, request)
        bought = buy_package(
            self.contract(contract), external_id=external_id, by=self.by, now=datetime.now(UTC), **asked
        )
        return Response(_told(bought))


def _told(bought: PackagePurchase) -> dict[str, object]:
    names = "external_id package bought_on expires_on quantity".split()
    told = {name: getattr(bought, name) for name in names} | {"left": balance_of(bought)}
    return dict(shapes.PurchaseAnswer(told).data)
