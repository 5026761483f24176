"""The stored document ("huadan-invoice/1") as the renderers read it: what is promised, and what may be missing."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from invoices.wording import Language


class Dates(TypedDict):
    """A half-open span of local dates, ISO 8601; ``end`` is exclusive."""

    start: str
    end: str


class Month(Dates):
    """The billed period and the time zone its midnights are taken in."""

    zone: str


class Version(TypedDict):
    """One contract version that ruled in the period; bounds as ISO dates, ``to`` exclusive or null."""

    number: int | str
    to: str | None


class Credited(TypedDict):
    """The invoice that a credit note takes back."""

    number: str
    issued_on: str


class Contract(TypedDict):
    """The contract the bill follows."""

    code: str
    name_zh: str
    name_en: str
    versions: list[dict[str, Any]]


class Evidence(TypedDict):
    """The digest over the calls behind the bill, how many they are, and the digest of what was agreed."""

    digest: str
    calls: int
    terms: str


class Previous(TypedDict):
    """The bill of the period before, for comparison; amounts as decimal strings, by clause code."""

    number: str
    period: Dates
    total: str
    net: str
    by_clause: dict[str, str]


class UsageDay(TypedDict):
    """The usage of one local day."""

    day: str
    calls: int
    answered: int
    billed_seconds: int


class Summary(TypedDict):
    """The usage of the whole period; ``unanswered`` calls are those that no clause looks at."""

    calls: int
    answered: int
    talk_seconds: int
    billed_seconds: int
    unanswered: NotRequired[int]


class Document(TypedDict):
    """Everything that is printed. Amounts are decimal strings; ``bill`` is what ``Bill.to_json`` gave."""

    format: Literal["huadan-invoice/1"]
    kind: Literal["invoice", "credit_note"]
    state: Literal["draft", "issued"]
    number: str | None
    language: Language
    currency: str
    issued_on: str | None
    due_on: str | None
    period: Month
    seller: dict[str, str]
    buyer: dict[str, str]
    contract: Contract
    bill: dict[str, Any]
    explanations: dict[str, dict[str, str]]
    evidence: Evidence | None
    credits: NotRequired[Credited]
    reason: NotRequired[str]
    previous: NotRequired[Previous | None]
    price_changes: NotRequired[list[dict[str, Any]]]
    usage_by_day: NotRequired[list[UsageDay]]
    summary: NotRequired[Summary | None]
