"""What is held under a contract: subscriptions (tenants too), measured levels, packages. Entries stand for ever."""

from __future__ import annotations

from datetime import UTC, datetime

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.periods import period_containing
from tenants.api import shapes
from tenants.api.authentication import OperatorView
from tenants.api.parties import AT_ONCE
from tenants.levels import enter_level
from tenants.models import PackagePurchase
from tenants.packages import balance_of, buy_package, postings_of
from tenants.subscribing import change_subscription

WHO = {"at": "2026-10-15T02:10:00Z", "by": "key hd_live_Ab3d…"}
CHANGE = WHO | {"external_id": "o-7", "item": "seats", "change": "2.000", "on": "2026-10-16", "reason": "order 7"}
LEVEL = WHO | {
    "external_id": "m-1", "measure": "availability", "level": "0.998500", "period_starts_on": "2026-10-01", "version": None,
    "reason": "monitoring report",
}  # fmt: skip
BOUGHT = WHO | {
    "external_id": "o-8", "package": "pack", "bought_on": "2026-10-03", "expires_on": None, "quantity": "1000.00000000",
    "left": "400.00000000", "reason": "order 8",
}  # fmt: skip
LEDGER = BOUGHT | {
    "postings": [
        WHO | {"kind": "bought", "on": "2026-10-03", "units": "1000.00000000", "reference": ""},
        WHO | {"kind": "drawn", "on": "2026-10-31", "units": "-600.00000000", "reference": "HD-2026-000007"},
    ]
}
AGAIN = "The same external id with the same content is the same entry; with other content it is refused (409)."


class SubscriptionsView(OperatorView):
    """GET /api/v1/contracts/<contract>/subscriptions."""

    for_tenants = True

    @extend_schema(
        operation_id="list_subscriptions", summary="List changes of modules, seats and numbers", tags=["contracts"],
        examples=shapes.answer(CHANGE),
        responses={200: shapes.SubscriptionAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List the latest changes, newest day first."""
        found = self.contract(contract).subscriptions.order_by("-on", "-pk")[:AT_ONCE]
        return Response(shapes.SubscriptionAnswer(found, many=True).data)


class SubscriptionView(OperatorView):
    """GET and PUT /api/v1/contracts/<contract>/subscriptions/<external_id>."""

    for_tenants = True

    @extend_schema(
        operation_id="get_subscription", summary="Look a change up", tags=["contracts"],
        examples=shapes.answer(CHANGE),
        responses={200: shapes.SubscriptionAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str, external_id: str) -> Response:
        """Show an entry."""
        found = get_object_or_404(self.contract(contract).subscriptions, external_id=external_id)
        return Response(shapes.SubscriptionAnswer(found).data)

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


class LevelsView(OperatorView):
    """GET /api/v1/contracts/<contract>/measurements."""

    tenants_read = True

    @extend_schema(
        operation_id="list_measurements", summary="List entered levels of services", tags=["contracts"],
        description="Levels that are counted from the calls stand in the totals of the month.",
        examples=shapes.answer(LEVEL),
        responses={200: shapes.LevelAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List entries, newest month first, of a month the one that counts first."""
        found = self.contract(contract).measurements.select_related("version").order_by("-period_starts_on", "-pk")
        return Response(shapes.LevelAnswer(found[:AT_ONCE], many=True).data)


class LevelView(OperatorView):
    """GET and PUT /api/v1/contracts/<contract>/measurements/<external_id>."""

    tenants_read = True

    @extend_schema(
        operation_id="get_measurement", summary="Look an entered level up", tags=["contracts"],
        examples=shapes.answer(LEVEL),
        responses={200: shapes.LevelAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str, external_id: str) -> Response:
        """Show an entry."""
        found = get_object_or_404(self.contract(contract).measurements, external_id=external_id)
        return Response(shapes.LevelAnswer(found).data)

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
        examples=shapes.answer(BOUGHT),
        responses={200: shapes.PurchaseAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List purchases, newest first."""
        found = self.contract(contract).packages.order_by("-bought_on", "-pk")[:AT_ONCE]
        return Response([_told(each) for each in found])


class PackageView(OperatorView):
    """GET and PUT /api/v1/contracts/<contract>/packages/<external_id>."""

    tenants_read = True

    @extend_schema(
        operation_id="get_package", summary="Look a package up, with its ledger", tags=["contracts"],
        examples=shapes.answer(LEDGER),
        responses={200: shapes.LedgerAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str, external_id: str) -> Response:
        """Show a purchase with every move on its balance, oldest first."""
        bought = get_object_or_404(self.contract(contract).packages, external_id=external_id)
        told = {**_told(bought), "postings": list(postings_of(bought))}
        return Response(shapes.LedgerAnswer(told).data)

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
    names = "external_id at by reason package bought_on expires_on quantity".split()
    told = {name: getattr(bought, name) for name in names} | {"left": balance_of(bought)}
    return dict(shapes.PurchaseAnswer(told).data)
