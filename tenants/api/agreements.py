"""Contracts and their versions: drafted, examined, signed, ended, renewed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import shapes
from tenants.api.authentication import OperatorView
from tenants.api.parties import AFTER, AT_ONCE, PAGE
from tenants.catalogue import origin_of
from tenants.contracts import draft, end, renew, sign
from tenants.linting import examine
from tenants.models import Contract, ContractVersion
from tenants.registering import register_contract

CONTRACT = {"tenant": "north", "name_zh": "外呼合同", "name_en": "Outbound calls", "scope": {"source": ["switch-1"]}}
TALK = {"code": "talk", "kind": "duration", "name": {"zh": "通话", "en": "Talk time"}, "price": "0.15"}
SIGNED = {
    "number": 1, "starts_on": "2026-10-01", "notice_on": None, "started_from": {"code": "contact-minutes", "version": 1},
    "signed_at": "2026-09-28T02:10:00Z", "signed_by": "key hd_live_Ab3d…", "reason": "signed by both",
}  # fmt: skip
EVENT = {
    "kind": "signed", "version": 1, "effective_on": "2026-10-01", "at": "2026-09-28T02:10:00Z", "by": "key hd_live_Ab3d…",
    "reason": "signed by both",
}  # fmt: skip
VERSION = {"starts_on": "2026-10-01", "agreement": {"version": 1, "currency": "CNY", "clauses": [TALK]}}


class ContractsView(OperatorView):
    """GET /api/v1/contracts."""

    for_tenants = True

    @extend_schema(
        operation_id="list_contracts", summary="List contracts", tags=["contracts"], parameters=[AFTER],
        responses={200: shapes.ContractAnswer(many=True), **problems(400, 404)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the contracts the key may see, by number."""
        after = request.query_params.get("after", "").replace("\x00", "")
        found = self.contracts().filter(code__gt=after).order_by("code")[:PAGE]
        return Response(shapes.ContractAnswer(found, many=True).data)


class ContractView(OperatorView):
    """GET and PUT /api/v1/contracts/<contract>."""

    @extend_schema(
        operation_id="get_contract", summary="Look a contract up", tags=["contracts"],
        responses={200: shapes.ContractAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """Show a contract."""
        return Response(shapes.ContractAnswer(self.contract(contract)).data)

    @extend_schema(
        operation_id="put_contract", summary="Make or change a contract", tags=["contracts"],
        description="The same again changes nothing. Tenant and scope stand once a version is signed.",
        request={"application/json": shapes.ContractShape}, examples=shapes.example(CONTRACT),
        responses={200: shapes.ContractAnswer, 201: shapes.ContractAnswer, **problems(400, 404, 409, 415, 422)},
    )  # fmt: skip
    def put(self, request: Request, contract: str) -> Response:
        """Make or change a contract."""
        values = shapes.read(shapes.ContractShape, request)
        made, new = register_contract(self.seller_id, contract, values.pop("tenant"), values)
        return Response(shapes.ContractAnswer(made).data, status=201 if new else 200)


class EndView(OperatorView):
    """POST /api/v1/contracts/<contract>/end."""

    @extend_schema(
        operation_id="end_contract", summary="End a contract", tags=["contracts"],
        request={"application/json": shapes.EndShape},
        examples=shapes.example({"ends_on": "2027-01-01", "reason": "cancelled in writing"}),
        responses={200: shapes.ContractAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def post(self, request: Request, contract: str) -> Response:
        """End it on a day that is not invoiced yet."""
        asked, found = shapes.read(shapes.EndShape, request), self.contract(contract)
        if asked["ends_on"] is None:
            raise shapes.WrongBody("invalid_body", "Write the first day it is no longer in force.", pointer="/ends_on")
        end(found, asked["ends_on"], by=self.by, reason=asked["reason"], now=datetime.now(UTC))
        return Response(shapes.ContractAnswer(self.contract(contract)).data)


class RenewView(OperatorView):
    """POST /api/v1/contracts/<contract>/renew."""

    @extend_schema(
        operation_id="renew_contract", summary="Let a contract run on", tags=["contracts"],
        request={"application/json": shapes.EndShape},
        examples=shapes.example({"ends_on": "2028-01-01", "reason": "renewed for a year"}),
        responses={200: shapes.ContractAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def post(self, request: Request, contract: str) -> Response:
        """Move its end to a later day, or take it away."""
        asked, found = shapes.read(shapes.EndShape, request), self.contract(contract)
        renew(found, asked["ends_on"], by=self.by, reason=asked["reason"], now=datetime.now(UTC))
        return Response(shapes.ContractAnswer(self.contract(contract)).data)


class EventsView(OperatorView):
    """GET /api/v1/contracts/<contract>/events."""

    tenants_read = True

    @extend_schema(
        operation_id="list_events", summary="List what happened to a contract", tags=["contracts"],
        examples=shapes.answer(EVENT), responses={200: shapes.EventAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List signatures, amendments, ends and renewals, newest first."""
        found = self.contract(contract).events.select_related("version").order_by("-at", "-pk")
        return Response(shapes.EventAnswer(found[:AT_ONCE], many=True).data)


class VersionsView(OperatorView):
    """GET /api/v1/contracts/<contract>/versions."""

    @extend_schema(
        operation_id="list_versions", summary="List a contract's versions", tags=["contracts"],
        examples=shapes.answer(SIGNED), responses={200: shapes.VersionListed(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str) -> Response:
        """List signed versions and drafts, newest first."""
        found = self.contract(contract).versions.defer("agreement").order_by("-number")
        return Response(shapes.VersionListed(found[:AT_ONCE], many=True).data)


class VersionView(OperatorView):
    """GET and PUT /api/v1/contracts/<contract>/versions/<number>."""

    @extend_schema(
        operation_id="get_version", summary="Look a version up", tags=["contracts"],
        responses={200: shapes.VersionAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, contract: str, number: str) -> Response:
        """Show a version with what is wrong or surprising in it."""
        return Response(_told(_version(self.contract(contract), int(number))))

    @extend_schema(
        operation_id="put_version", summary="Draft a version", tags=["contracts"],
        description="Numbers count on from 1. The answer lists findings; one of severity error keeps it from being "
        "signed. A signed version stands: the same again is answered as it is, anything else is refused.",
        request={"application/json": shapes.VersionShape}, examples=shapes.example(VERSION),
        responses={200: shapes.VersionAnswer, 201: shapes.VersionAnswer, **problems(400, 404, 409, 415, 422)},
    )  # fmt: skip
    def put(self, request: Request, contract: str, number: str) -> Response:
        """Make or change a draft; the agreement is read by the engine first."""
        asked = shapes.read(shapes.VersionShape, request)
        if "started_from" in asked:
            asked["started_from"] = origin_of(asked["started_from"])
        version, new = draft(self.contract(contract), int(number), **asked)
        return Response(_told(version), status=201 if new else 200)


class SignView(OperatorView):
    """POST /api/v1/contracts/<contract>/versions/<number>/sign."""

    @extend_schema(
        operation_id="sign_version", summary="Sign a version", tags=["contracts"],
        description="From now on nobody can change it. A version that raises a price needs a day of notice.",
        request={"application/json": shapes.ReasonShape}, examples=shapes.example({"reason": "signed by both"}),
        responses={200: shapes.VersionAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def post(self, request: Request, contract: str, number: str) -> Response:
        """Sign a draft."""
        asked, version = shapes.read(shapes.ReasonShape, request), _version(self.contract(contract), int(number))
        sign(version, by=self.by, reason=asked["reason"], now=datetime.now(UTC))
        return Response(_told(version))


def _version(contract: Contract, number: int) -> ContractVersion:
    return get_object_or_404(contract.versions.all(), number=number)


def _told(version: ContractVersion) -> dict[str, Any]:
    names = "number starts_on agreement notice_on reason started_from signed_at signed_by changes".split()
    return dict(
        shapes.VersionAnswer(
            {name: getattr(version, name) for name in names} | {"findings": examine(version.agreement)}
        ).data
    )
