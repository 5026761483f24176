"""A tenant's own months tried under other contracts: asked for, worked on in the background, looked up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.errors import Refused
from billing.periods import Period, period_containing
from billing.rating import Agreement
from billing.rating.terms import InvalidTerms, Name
from invoices.api.shapes import NameShape, Shape, money
from invoices.comparing import MOST_MONTHS, MOST_OFFERS, CannotCompare, Offer, catalogue_offer, months_before, own_offer
from invoices.models import AskedComparison
from invoices.tasks import compare_contracts
from invoices.weighing import ask_comparison, claim, is_small, work
from tenants.api import BoundedJSON, TenantView, example, read
from tenants.api.shapes import DayField, DocumentField
from tenants.models import ApiKey, Contract

OWN, USUAL_MONTHS, LISTED, MOST_CLAUSES = "own", 6, 50, 200
MINUTES = {
    "version": 1, "currency": "CNY",
    "clauses": [{"code": "talk", "kind": "duration", "name": {"zh": "通话", "en": "Talk"}, "price": "0.09"}],
}  # fmt: skip
NEW = {"months": 3, "contracts": [{"code": OWN}, {"code": "outbound-minutes"}, {"code": "offer", "name": "Offer", "agreement": MINUTES}]}  # fmt: skip


class TriedShape(Shape):
    """A contract to try: ``own``, a model contract of the catalogue, or one of the agreement given."""

    code = serializers.RegexField(r"^[a-z0-9][a-z0-9-]{0,59}\Z")
    name = serializers.CharField(max_length=100, required=False, help_text="Of an agreement given.")
    agreement = DocumentField(required=False, help_text="In the engine's form; see rating-schema.json.")


class ComparisonShape(Shape):
    """What to compare. Without ``first_month`` the latest whole months."""

    contract = serializers.CharField(
        max_length=60, required=False, help_text="Whose months; needed with several contracts."
    )
    first_month = DayField(required=False, help_text="Any day of the first month.")
    months = serializers.IntegerField(min_value=1, max_value=MOST_MONTHS, default=USUAL_MONTHS)
    contracts = serializers.ListField(child=TriedShape(), min_length=1, max_length=MOST_OFFERS)
    held = serializers.DictField(
        child=serializers.DecimalField(max_digits=12, decimal_places=3, min_value=Decimal(0)),
        required=False,
        help_text="How many of an item (seats, modules) would be held; of others what is held.",
    )


class AmountShape(Shape):
    """What one contract comes to without tax."""

    code = serializers.CharField()
    net = money()


class MonthAmountShape(AmountShape):
    """What a month comes to under one contract."""

    total = money()


class ComparedMonthShape(Shape):
    """A month as it was used, and what it comes to; a contract that was not in force then is left out."""

    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="Exclusive.")
    calls = serializers.IntegerField()
    answered = serializers.IntegerField()
    talk_seconds = serializers.IntegerField()
    amounts = MonthAmountShape(many=True)


class MonthNetShape(Shape):
    """A month and what it comes to without tax."""

    starts_on = serializers.DateField()
    net = money()


class ComparedContractShape(AmountShape):
    """All months under one contract. It may be the best if ``whole``, a price for every call, and nothing is not told."""

    name = NameShape()
    total = money()
    whole = serializers.BooleanField()
    uncovered = serializers.IntegerField(help_text="Calls it has no price for.")
    not_told = serializers.ListField(
        child=serializers.CharField(),
        help_text="Items it charges for of which neither the contract nor ``held`` tells how many.",
    )
    best_month = MonthNetShape(allow_null=True)
    worst_month = MonthNetShape(allow_null=True)
    spread = money()


class BreakEvenShape(Shape):
    """The usage a month, of the same mix, up to which ``below`` costs less, and beyond which ``above`` does."""

    below = serializers.CharField()
    above = serializers.CharField()
    calls = serializers.IntegerField()
    minutes = serializers.IntegerField()


class ChangeShape(Shape):
    """What the contracts would come to if usage were otherwise."""

    code = serializers.ChoiceField(["fewer_calls", "more_calls", "longer_calls", "off_peak"])
    name = NameShape()
    cheapest = serializers.CharField()
    amounts = AmountShape(many=True)


class SentencesShape(Shape):
    """Sentences in both languages."""

    zh = serializers.ListField(child=serializers.CharField())
    en = serializers.ListField(child=serializers.CharField())


class ComparisonResult(Shape):
    """The figures, the recommendation with its reasons, and what it does not know. The cheapest contract is first."""

    best = serializers.CharField(allow_null=True, help_text="The code of the contract recommended.")
    reasons = SentencesShape()
    unknown = SentencesShape()
    contracts = ComparedContractShape(many=True)
    months = ComparedMonthShape(many=True)
    break_evens = BreakEvenShape(many=True)
    changes = ChangeShape(many=True)


class ComparisonFault(Shape):
    """Why there is no result."""

    code = serializers.CharField()
    detail = serializers.CharField()


class ComparisonListed(Shape):
    """A comparison and how far it is."""

    id = serializers.IntegerField(source="pk")
    contract = serializers.CharField(source="contract.code")
    state = serializers.ChoiceField(list(dict(AskedComparison.STATES)))
    first_month = serializers.DateField()
    months = serializers.IntegerField()
    months_counted = serializers.SerializerMethodField()
    currency = serializers.CharField(source="contract.tenant.currency")
    asked_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    fault = ComparisonFault(allow_null=True)

    def get_months_counted(self, asked: Any) -> int:
        """Count the months that are done."""
        return int(asked.months if asked.state == AskedComparison.DONE else asked.months_kept)


class ComparisonAnswer(ComparisonListed):
    """A comparison with its result; null until it is done."""

    result = ComparisonResult(allow_null=True)


class ComparisonsAnswer(Shape):
    """The latest comparisons, without their results."""

    items = ComparisonListed(many=True)


class ComparisonDoor(TenantView):
    """A door to the comparisons of the key's tenant."""

    scope = ApiKey.READ
    parser_classes = [BoundedJSON]

    def comparisons(self) -> Any:
        """List the tenant's comparisons with the number of months counted."""
        mine = AskedComparison.objects.filter(tenant_id=self.holder.tenant_id)
        return mine.select_related("contract__tenant").annotate(months_kept=Count("counted")).order_by("-pk")


class ComparisonsView(ComparisonDoor):
    """GET and POST /api/v1/comparisons."""

    @extend_schema(
        operation_id="list_comparisons", summary="List comparisons of contracts", tags=["comparisons"],
        responses={200: ComparisonsAnswer, **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the latest, with how far they are."""
        return Response(ComparisonsAnswer({"items": self.comparisons().defer("result")[:LISTED]}).data)

    @extend_schema(
        operation_id="compare_contracts", summary="Try months under other contracts", tags=["comparisons"],
        description=(
            "At most 24 whole months that follow one another, and 8 contracts. A small one is answered at once (201), "
            "another is counted in the background (202): look it up under its id. At most 5 wait at a time."
        ),
        request={"application/json": ComparisonShape}, examples=example(NEW),
        responses={201: ComparisonAnswer, 202: ComparisonAnswer, **problems(400, 404, 409, 415, 422)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Ask for a comparison."""
        told, now = read(ComparisonShape, request), datetime.now(UTC)
        contract = self._contract(told.get("contract"))
        months = _months(contract, told, now.astimezone(ZoneInfo(contract.tenant.zone)).date())
        offers = [_offer(contract, each, place) for place, each in enumerate(told["contracts"])]
        by = f"key {self.holder.key_id}"
        asked = ask_comparison(contract, months, offers, held=told.get("held"), by=by, now=now)
        if is_small(asked) and (held := claim(asked.pk)):
            work(held, now)
        else:
            compare_contracts.delay()
        kept = self.comparisons().get(pk=asked.pk)
        return Response(ComparisonAnswer(kept).data, status=202 if kept.state == kept.WAITING else 201)

    def _contract(self, code: str | None) -> Contract:
        mine = Contract.objects.filter(tenant_id=self.holder.tenant_id).select_related("tenant")
        found = list(mine.prefetch_related("versions").filter(**{"code": code} if code is not None else {})[:2])
        if len(found) == 1:
            return found[0]
        if code is None and found:
            raise CannotCompare(
                "contract_needed", "Say whose months: there are several contracts.", pointer="/contract"
            )
        raise CannotCompare("unknown_contract", "You have no such contract.", pointer="/contract")


class ComparisonView(ComparisonDoor):
    """GET /api/v1/comparisons/<id>."""

    @extend_schema(
        operation_id="get_comparison", summary="Look a comparison up", tags=["comparisons"],
        responses={200: ComparisonAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, comparison: str) -> Response:
        """Show how far it is, and its result once it is done."""
        found = self.comparisons().filter(pk=int(comparison)).first()
        if found is None:
            raise Http404
        return Response(ComparisonAnswer(found).data)


def _months(contract: Contract, told: dict[str, Any], today: date) -> list[Period]:
    """List the months asked for. Raises CannotCompare for one that has not ended."""
    if told.get("first_month") is None:
        return months_before(contract, today, told["months"])
    found = [period_containing(told["first_month"], contract.tenant.billing_day)]
    while len(found) < told["months"]:
        found.append(period_containing(found[-1].ends_on, contract.tenant.billing_day))
    if found[-1].ends_on > today:
        raise CannotCompare("wrong_months", f"The month of {found[-1].label} has not ended.", pointer="/first_month")
    return found


def _offer(contract: Contract, told: dict[str, Any], place: int) -> Offer:
    """Read one of the contracts to try. Raises CannotCompare with its place."""
    code, pointer = told["code"], f"/contracts/{place}"
    try:
        if "agreement" not in told:
            return own_offer(contract) if code == OWN else catalogue_offer(code)
        if code == OWN:
            raise CannotCompare(
                "wrong_offers", "The code own is that of your contract; choose another.", pointer="/code"
            )
        agreement = Agreement.from_json(told["agreement"])
        if len(agreement.clauses) > MOST_CLAUSES:
            raise CannotCompare(
                "too_many_clauses", f"At most {MOST_CLAUSES} clauses can be tried.", pointer="/agreement/clauses"
            )
        name = told.get("name", code)
        return Offer(code, Name(zh=name, en=name), agreement)
    except InvalidTerms as fault:
        raise CannotCompare(fault.code, fault.message, pointer=f"{pointer}/agreement{fault.pointer}") from fault
    except Refused as fault:
        raise CannotCompare(fault.code, fault.message, pointer=pointer + (fault.pointer or "/code")) from fault
