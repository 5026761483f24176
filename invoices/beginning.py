"""An empty installation on its way to its first draft: which steps are done, and a sample that does them all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, add_months, period_containing
from invoices.drafting import draft_month
from invoices.models import Invoice
from tenants.catalogue import origin_of
from tenants.contracts import draft, sign
from tenants.keys import make_key
from tenants.models import ApiKey, Contract, ContractVersion, Seller, Tenant
from usage.formats import reading
from usage.ingestion import Reporter, ingest_batch
from usage.models import Source, UsageMonth
from usage.simulation import PRESETS, calls, to_native
from usage.sources import rules_of

SELLER, TENANT, CONTRACT, KEY, CALLS, DRAFT = "seller", "tenant", "contract", "key", "calls", "draft"
SAMPLE_CALLS, SAMPLE_DAYS, SEED = 400, 5, 7
SAMPLE_CODE, SAMPLE_CONTRACT, SAMPLE_MODEL = "sample", "SAMPLE-1", "contact-minutes"


class NoSamples(Refused):
    """Made-up calls have no place here, or nothing to go with."""

    status = 409


@dataclass(frozen=True, slots=True)
class Begun:
    """How far the installation is: for each step whether its rows are there; and the first tenant, contract and draft."""

    done: dict[str, bool]
    has_source: bool
    seller: Seller | None
    tenant: Tenant | None
    contract: Contract | None
    version: ContractVersion | None
    draft_id: int | None

    @property
    def whole(self) -> bool:
        """Tell whether every step is done."""
        return all(self.done.values())


def begun() -> Begun:
    """Look how far the installation is, in a few queries for one row each."""
    seller, tenant = Seller.objects.order_by("pk").first(), Tenant.objects.order_by("pk").first()
    version = ContractVersion.objects.select_related("contract").order_by("signed_at", "pk").first()
    draft_id = Invoice.objects.order_by("pk").values_list("pk", flat=True).first()
    contract = version.contract if version else Contract.objects.order_by("pk").first()
    has_source = Source.objects.exists()
    keys = has_source and ApiKey.objects.filter(revoked_at=None, scopes__contains=[ApiKey.INGEST]).exists()
    done = {
        SELLER: seller is not None, TENANT: tenant is not None,
        CONTRACT: version is not None and version.signed_at is not None,
        KEY: keys, CALLS: UsageMonth.objects.exists(), DRAFT: draft_id is not None,
    }  # fmt: skip
    return Begun(done, has_source, seller, tenant, contract, version, draft_id)


def samples_allowed() -> bool:
    """Tell whether calls may be made up here: never beside an issued invoice, unless this is for trying out."""
    return settings.DEBUG or not Invoice.documents.filter(state=Invoice.ISSUED).exists()


def refuse_samples() -> None:
    """Raise NoSamples where an invoice was issued."""
    if not samples_allowed():
        raise NoSamples("no_samples", _("An invoice was issued here; samples are for empty installations."))


def last_month(tenant: Tenant, now: datetime) -> Period:
    """Return the tenant's last full month."""
    running = period_containing(now.astimezone(ZoneInfo(tenant.zone)).date(), tenant.billing_day)
    return period_containing(running.starts_on - timedelta(days=1), tenant.billing_day)


def send_sample_calls(tenant: Tenant, now: datetime) -> int:
    """Store some made-up calls of the tenant's last month, as its switch would report them; again, nothing is stored twice.

    Returns how many are new. Raises NoSamples where an invoice was issued, and without a source.
    """
    refuse_samples()
    source = Source.objects.filter(tenant=tenant).order_by("pk").first()
    if source is None:
        raise NoSamples("no_source", _("Enter a source of this tenant first: the switch that reports its calls."))
    month, zone = last_month(tenant, now), ZoneInfo(tenant.zone)
    made = calls(PRESETS["express"], month.starts_on, month.starts_on + timedelta(days=SAMPLE_DAYS), zone, SEED)
    body = json.dumps([to_native(call, zone) for call in islice(made, SAMPLE_CALLS)]).encode()
    reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, tenant.keep_numbers, tenant.accept_days_back)
    decoded = reading.read(reading.NATIVE, body, rules_of(source))
    return ingest_batch(reporter, source, decoded, reading.NATIVE, now).count("accepted")


def make_sample(now: datetime, *, by: str) -> Invoice:
    """Make a seller unless there is one, a sample tenant with contract, key and calls, and draft its last month.

    Each part is there for others to see before the next begins; again, only what is missing is made. Raises NoSamples.
    """
    refuse_samples()
    seller = Seller.objects.order_by("pk").first() or Seller.objects.create(
        code="sample", name_zh="示例销售方", name_en="Sample seller", email="billing@sample.example"
    )
    tenant, _new = Tenant.objects.get_or_create(
        code=SAMPLE_CODE,
        defaults={"seller": seller, "name_zh": "示例租户", "name_en": "Sample tenant", "zone": "Asia/Shanghai"},
    )
    month = last_month(tenant, now)
    contract = _sample_contract(tenant, add_months(month.starts_on.replace(day=1), -1), now, by)
    Source.objects.get_or_create(tenant=tenant, code="sample-switch", defaults={"zone": tenant.zone})
    if not tenant.keys.exists():
        make_key(tenant, "sample", [ApiKey.INGEST, ApiKey.READ])  # nobody knows it; people make one of their own
    send_sample_calls(tenant, now)
    return draft_month(contract, month, now)


def _sample_contract(tenant: Tenant, starts_on: date, now: datetime, by: str) -> Contract:
    contract, _new = Contract.objects.get_or_create(
        code=SAMPLE_CONTRACT, defaults={"tenant": tenant, "name_zh": "示例合同", "name_en": "Sample contract"}
    )
    if not contract.versions.filter(signed_at__isnull=False).exists():
        model = origin_of(SAMPLE_MODEL)
        agreement = model["agreement"] | {"currency": tenant.currency}
        version, _made = draft(contract, 1, agreement=agreement, starts_on=starts_on, started_from=model)
        sign(version, by=by, reason=_("Sample"), now=now)
    return contract
