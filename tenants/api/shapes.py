"""What the operator API takes and gives: checked and described by the same serializers."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from billing.errors import Refused
from tenants.models import ApiKey, ContractEvent, Posting

Shape = serializers.Serializer[Any]


class WrongBody(Refused):
    """The body is not of the shape the address takes."""


def read(shape: type[Shape], request: Request) -> dict[str, Any]:
    """Read a request's body. Raises WrongBody with the place of the first fault; unknown members are faults."""
    body = request.data
    if not isinstance(body, dict):
        raise WrongBody("invalid_body", "The body is one JSON object.")
    checked = shape(data=body)
    strangers = sorted(set(body) - set(checked.fields))
    if strangers:
        raise WrongBody(
            "unknown_member",
            f"Nothing is called {strangers[0][:60]!r} here; known members: {', '.join(checked.fields)}.",
            pointer=f"/{strangers[0][:60]}",
        )
    if not checked.is_valid():
        pointer, sentence = _first(checked.errors)
        raise WrongBody("invalid_body", sentence, pointer=pointer)
    return dict(checked.validated_data)


def _first(errors: Any, pointer: str = "") -> tuple[str, str]:
    if isinstance(errors, dict):
        name, inner = next(iter(errors.items()))
        return _first(inner, pointer if name == "non_field_errors" else f"{pointer}/{name}")
    places = [place for place, each in enumerate(errors) if each]
    if isinstance(errors[places[0]], dict):
        return _first(errors[places[0]], f"{pointer}/{places[0]}")
    return pointer, str(errors[places[0]])


class DayField(serializers.DateField):
    """A day of this century."""

    def __init__(self, **options: Any) -> None:
        bounds = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2099, 12, 31))]
        super().__init__(validators=bounds, **options)


@extend_schema_field({"type": "object", "additionalProperties": True})
class DocumentField(serializers.JSONField):
    """A JSON object."""


class ReasonShape(Shape):
    """Why, for the person who reads the history."""

    reason = serializers.CharField(max_length=300)


class ContactShape(Shape):
    """A person at the tenant."""

    name = serializers.CharField(max_length=100)
    email = serializers.EmailField(max_length=254)
    receives_invoices = serializers.BooleanField(default=True)


class TenantShape(Shape):
    """A tenant; members that are left out stay as they are."""

    name_zh = serializers.CharField(max_length=200)
    name_en = serializers.CharField(max_length=200)
    zone = serializers.CharField(max_length=60, help_text="Such as Asia/Shanghai; fixed once there is a contract.")
    tax_id = serializers.CharField(max_length=40, required=False, allow_blank=True)
    address_zh = serializers.CharField(max_length=300, required=False, allow_blank=True)
    address_en = serializers.CharField(max_length=300, required=False, allow_blank=True)
    industry = serializers.CharField(max_length=60, required=False, allow_blank=True)
    region = serializers.CharField(max_length=12, required=False, allow_blank=True)
    billing_day = serializers.IntegerField(min_value=1, max_value=31, required=False)
    language = serializers.ChoiceField(["zh", "en"], required=False)
    currency = serializers.CharField(max_length=3, required=False)
    country = serializers.CharField(max_length=2, required=False, help_text="ISO 3166, such as CN.")
    phone = serializers.CharField(max_length=60, required=False, allow_blank=True)
    bank_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    bank_account = serializers.CharField(max_length=80, required=False, allow_blank=True)
    tax_invoice = serializers.ChoiceField(["general", "special"], required=False)
    untaxed = serializers.ChoiceField(
        ["E", "AE", "G", "Z", "O"], required=False, help_text="What a rate of 0 % means, as in UNTDID 5305."
    )
    untaxed_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    factur_x = serializers.BooleanField(required=False)
    gets_statements = serializers.BooleanField(required=False)
    gets_fit_reports = serializers.BooleanField(
        required=False, help_text="Whether each month is looked at for what was paid and not used; see GET /fit."
    )
    retention_months = serializers.IntegerField(min_value=1, max_value=600, required=False)
    status = serializers.ChoiceField(["active", "suspended", "closed"], required=False)
    contacts = ContactShape(many=True, required=False, help_text="The whole list; absent: unchanged.")


class TenantAnswer(TenantShape):
    """A tenant as it is."""

    code = serializers.CharField()


class KeyShape(Shape):
    """What a tenant's key may do, and until when."""

    scopes = serializers.MultipleChoiceField(choices=[ApiKey.INGEST, ApiKey.READ, ApiKey.OPERATE], allow_empty=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyAnswer(Shape):
    """A key; the key itself is told once, when it is made."""

    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_on = serializers.DateField(allow_null=True)
    key = serializers.CharField(required=False, help_text="Only in the answer that made it.")


class ContractShape(Shape):
    """A contract of a tenant; what it says stands in its versions."""

    tenant = serializers.CharField(max_length=40, help_text="The tenant's code.")
    name_zh = serializers.CharField(max_length=200)
    name_en = serializers.CharField(max_length=200)
    scope = DocumentField(required=False, help_text="The calls it is for; {}: all that no other contract is for.")


class ContractAnswer(ContractShape):
    """A contract as it is."""

    code = serializers.CharField()
    tenant = serializers.CharField(source="tenant.code")
    ends_on = serializers.DateField(allow_null=True)
    frozen_until = serializers.DateField(allow_null=True, help_text="Invoiced up to this day, exclusive.")


class EndShape(ReasonShape):
    """The first day the contract is no longer in force; when renewed, null for no end."""

    ends_on = DayField(allow_null=True)


class VersionShape(Shape):
    """A draft version: what is agreed, from which day on."""

    starts_on = DayField()
    agreement = DocumentField(help_text="In the engine's form; see rating-schema.json.")
    notice_on = DayField(required=False, allow_null=True, help_text="The day the tenant is told of a price rise.")
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)
    started_from = serializers.CharField(
        max_length=60, required=False, help_text="The code of the model contract it was made from; kept with it."
    )


class OriginShape(Shape):
    """A model contract of the catalogue, as it was on that day."""

    code = serializers.CharField()
    version = serializers.IntegerField()


class VersionListed(Shape):
    """A version without its agreement."""

    number = serializers.IntegerField()
    starts_on = serializers.DateField()
    notice_on = serializers.DateField(allow_null=True)
    started_from = OriginShape(allow_null=True)
    signed_at = serializers.DateTimeField(allow_null=True)
    signed_by = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class EventAnswer(Shape):
    """One thing that happened to the contract."""

    kind = serializers.ChoiceField(
        [ContractEvent.SIGNED, ContractEvent.AMENDED, ContractEvent.ENDED, ContractEvent.RENEWED]
    )
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    effective_on = serializers.DateField(allow_null=True, help_text="Of renewed: null runs without end.")
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()


class FindingShape(Shape):
    """A fault (error: it cannot be signed) or a surprise (warning) of the agreement."""

    severity = serializers.ChoiceField(["error", "warning"])
    pointer = serializers.CharField(allow_blank=True)
    text = serializers.CharField()


class VersionAnswer(VersionListed):
    """A version as it is; ``changes`` are the prices that differ from the one before, known once signed."""

    agreement = DocumentField()
    changes = serializers.ListField(child=DocumentField())
    findings = FindingShape(many=True)


class SubscriptionShape(ReasonShape):
    """More (or fewer) of an item from a day on."""

    item = serializers.CharField(max_length=64)
    change = serializers.DecimalField(max_digits=12, decimal_places=3)
    on = DayField()


class EntryAnswer(Shape):
    """Who entered it, when and why; the entry stands for ever. Without an external id a person entered it."""

    external_id = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class SubscriptionAnswer(EntryAnswer):
    """A change as it stands."""

    item = serializers.CharField()
    change = serializers.DecimalField(max_digits=18, decimal_places=3)
    on = serializers.DateField()


class LevelShape(ReasonShape):
    """What a measure came to in a billing month, or in the days of one version of it."""

    measure = serializers.CharField(max_length=64)
    level = serializers.DecimalField(max_digits=18, decimal_places=6, min_value=0)
    month = DayField(help_text="Any day of the billing month.")
    version = serializers.IntegerField(min_value=1, max_value=100_000, required=False, allow_null=True)


class LevelAnswer(EntryAnswer):
    """A level as it stands; the latest of a month (and version) counts."""

    measure = serializers.CharField()
    level = serializers.DecimalField(max_digits=18, decimal_places=6)
    period_starts_on = serializers.DateField()
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)


class PurchaseShape(ReasonShape):
    """A package bought."""

    package = serializers.CharField(max_length=64)
    on = DayField()
    quantity = serializers.DecimalField(
        max_digits=18, decimal_places=8, required=False, allow_null=True, help_text="Absent: as the clause says."
    )


class PurchaseAnswer(EntryAnswer):
    """A purchase, and what is left of it."""

    package = serializers.CharField()
    bought_on = serializers.DateField()
    expires_on = serializers.DateField(allow_null=True)
    quantity = serializers.DecimalField(max_digits=24, decimal_places=8)
    left = serializers.DecimalField(max_digits=24, decimal_places=8)


class PostingAnswer(Shape):
    """One move on a purchase's balance: bought, drawn by an invoice, expired, or one of these taken back."""

    kind = serializers.ChoiceField([Posting.BOUGHT, Posting.DRAWN, Posting.EXPIRED, Posting.REVERSED])
    on = serializers.DateField()
    units = serializers.DecimalField(max_digits=24, decimal_places=8, help_text="Onto the balance, or off it (minus).")
    reference = serializers.CharField(allow_blank=True, help_text="The invoice that caused it.")
    at = serializers.DateTimeField()
    by = serializers.CharField()


class LedgerAnswer(PurchaseAnswer):
    """A purchase with every move on its balance, whose sum is what is left."""

    postings = PostingAnswer(many=True)


def example(value: dict[str, Any]) -> list[OpenApiExample]:
    """Show one request body."""
    return [OpenApiExample("Example", value, request_only=True)]


def answer(value: dict[str, Any]) -> list[OpenApiExample]:
    """Show one answer, or one entry of a list that is answered."""
    return [OpenApiExample("Answer", value, response_only=True, status_codes=["200"])]
