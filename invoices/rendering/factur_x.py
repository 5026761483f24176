"""The invoice for machines: Cross Industry Invoice (UN/CEFACT), profile EN 16931 of Factur-X, from the stored document.

Charges are lines, what is taken off are allowances of the document; a credit note (381) has the amounts it takes back, above
zero. Element order is that of the schema (Factur-X 1.0, XSD of the profile EN 16931); BR-… are its Schematron rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring  # nosec B405

from billing.money import decimals_of, round_amount
from billing.rating.bill import Bill, Line
from billing.rating.exact import exact
from billing.rating.ledger import allocate
from invoices import wording
from invoices.rendering.document import Document

RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
QDT = "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"
PROFILE = "urn:cen.eu:en16931:2017"
UNITS = {"minute": "MIN", "second": "SEC", "hour": "HUR", "day": "DAY", "month": "MON", "year": "ANN"}  # UN/ECE rec. 20
PIECE = "C62"
UNTAXED = {  # UNTDID 5305: why a rate of 0 % is charged, where the tenant gives no reason of its own
    "E": "Exempt from VAT", "AE": "Reverse charge", "G": "Export outside the EU", "O": "Not subject to VAT", "Z": "",
}  # fmt: skip


class Part(NamedTuple):
    """A line of the bill without tax: above zero a charge, below zero an allowance."""

    line: Line
    net: Decimal


def cross_industry_invoice(document: Document) -> bytes:
    """Write an issued document as XML; its totals are the bill's."""
    for prefix, name in (("rsm", RSM), ("ram", RAM), ("udt", UDT), ("qdt", QDT)):
        register_namespace(prefix, name)
    bill = Bill.from_json(document["bill"])
    sign = -1 if document["kind"] == "credit_note" else 1
    root = Element(f"{{{RSM}}}CrossIndustryInvoice")
    _texts(
        SubElement(root, f"{{{RSM}}}ExchangedDocumentContext"), "GuidelineSpecifiedDocumentContextParameter/ID", PROFILE
    )
    head = SubElement(root, f"{{{RSM}}}ExchangedDocument")
    _texts(head, "ID", document["number"] or "")
    _texts(head, "TypeCode", "380" if sign > 0 else "381")
    _day(_ram(head, "IssueDateTime"), document["issued_on"] or "")
    if reason := document.get("reason"):
        _texts(head, "IncludedNote/Content", wording.tidy(reason))
    trade = SubElement(root, f"{{{RSM}}}SupplyChainTradeTransaction")
    parts = list(_parts(bill, sign))
    # BR-16: an invoice has lines; one that only gives back has them below zero.
    charges, taken_off = [part for part in parts if part.net >= 0], [part for part in parts if part.net < 0]
    if not charges:
        charges, taken_off = taken_off, []
    category = _category(document, bill)
    for number, part in enumerate(charges, 1):
        _line(trade, number, part, document, category)
    _agreement(trade, document, category)
    delivered = _ram(trade, "ApplicableHeaderTradeDelivery")
    last_day = wording.day_before(document["period"]["end"])
    _day(_ram(_ram(delivered, "ActualDeliverySupplyChainEvent"), "OccurrenceDateTime"), last_day)
    _settlement(trade, document, bill, taken_off, sign, category)
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _parts(bill: Bill, sign: int) -> Iterable[Part]:
    """Give the lines without tax; where prices include it, the net of a rate is shared out over its lines."""
    for row in bill.taxes:
        lines = [line for line in bill.lines if (line.tax_rate, line.period) == (row.rate, row.period or line.period)]
        nets = [line.amount for line in lines]
        if bill.inclusive:
            nets = allocate(row.net, [exact(net) for net in nets], decimals_of(bill.currency))
        yield from (Part(line, sign * net) for line, net in zip(lines, nets, strict=True))


def _category(document: Document, bill: Bill) -> str:
    """Give the code of what a rate of 0 % means; "not subject" must stand alone (BR-O-11), beside taxed lines it is exempt."""
    untaxed = document["buyer"].get("untaxed") or "E"
    return "E" if untaxed == "O" and any(row.rate for row in bill.taxes) else untaxed


def _line(trade: Element, number: int, part: Part, document: Document, category: str) -> None:
    line, item = part.line, _ram(trade, "IncludedSupplyChainTradeLineItem")
    _texts(item, "AssociatedDocumentLineDocument/LineID", str(number))
    product = _ram(item, "SpecifiedTradeProduct")
    _texts(product, "Name", wording.tidy(getattr(line.name, document["language"])))
    if told := document["explanations"].get(line.key, {}).get(document["language"]):
        _texts(product, "Description", wording.tidy(told))
    quantity, price, unit = _priced(part, document["currency"])
    _texts(item, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount", _figure(price))
    _texts(item, "SpecifiedLineTradeDelivery/BilledQuantity", _figure(quantity), unitCode=unit)
    settled = _ram(item, "SpecifiedLineTradeSettlement")
    _tax(_ram(settled, "ApplicableTradeTax"), line.tax_rate, category)
    _texts(settled, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount", _figure(part.net))


def _priced(part: Part, currency: str) -> tuple[Decimal, Decimal, str]:
    """Give quantity, price and unit where they make the amount; otherwise one piece of it."""
    quantity, price = abs(part.line.quantity_billed or Decimal(0)), part.line.unit_price
    if quantity and price is not None and round_amount(exact(quantity) * exact(price), currency) == part.net:
        return quantity, price, UNITS.get(part.line.unit, PIECE)
    return (
        (Decimal(1), part.net, PIECE) if part.net >= 0 else (Decimal(-1), -part.net, PIECE)
    )  # BR-27: no price below 0


def _agreement(trade: Element, document: Document, category: str) -> None:
    agreed = _ram(trade, "ApplicableHeaderTradeAgreement")
    language = document["language"]
    for role in ("seller", "buyer"):
        facts = document[role]
        party = _ram(agreed, f"{role.capitalize()}TradeParty")
        _texts(party, "Name", wording.tidy(wording.named(language, facts, "name")))
        tax_id = facts.get("tax_id")
        is_vat = tax_id and tax_id.startswith(_vat_prefix(facts)) and category != "O"  # BR-CO-09, BR-O-02
        if tax_id and not is_vat:
            _texts(party, "SpecifiedLegalOrganization/ID", tax_id)
        address = _ram(party, "PostalTradeAddress")
        if street := wording.named(language, facts, "address"):
            _texts(address, "LineOne", wording.tidy(street))
        _texts(address, "CountryID", facts.get("country") or "CN")
        if mail := facts.get("email"):
            _texts(party, "URIUniversalCommunication/URIID", mail, schemeID="EM")
        if tax_id and (is_vat or role == "seller"):
            _texts(party, "SpecifiedTaxRegistration/ID", tax_id, schemeID="VA" if is_vat else "FC")
    _texts(agreed, "ContractReferencedDocument/IssuerAssignedID", document["contract"]["code"])


def _vat_prefix(facts: Mapping[str, str]) -> str:
    country = facts.get("country") or "CN"
    return "EL" if country == "GR" else country


def _settlement(
    trade: Element, document: Document, bill: Bill, taken_off: list[Part], sign: int, category: str
) -> None:
    settled = _ram(trade, "ApplicableHeaderTradeSettlement")
    _texts(settled, "PaymentReference", document["number"] or "")
    _texts(settled, "InvoiceCurrencyCode", bill.currency)
    if account := document["seller"].get("bank_account"):
        means = _ram(settled, "SpecifiedTradeSettlementPaymentMeans")
        _texts(means, "TypeCode", "30")
        _texts(means, "PayeePartyCreditorFinancialAccount/ProprietaryID", account.replace(" ", ""))
    reason = document["buyer"].get("untaxed_reason", "")
    for rate in dict.fromkeys(row.rate for row in bill.taxes):
        same = [row for row in bill.taxes if row.rate == rate]
        tax, net = (sum((getattr(row, name) for row in same), Decimal(0)) for name in ("tax", "net"))
        _tax(_ram(settled, "ApplicableTradeTax"), rate, category, sums=(sign * tax, sign * net), reason=reason)
    period = _ram(settled, "BillingSpecifiedPeriod")
    _day(_ram(period, "StartDateTime"), document["period"]["start"])
    _day(_ram(period, "EndDateTime"), wording.day_before(document["period"]["end"]))
    for part in taken_off:
        allowance = _ram(settled, "SpecifiedTradeAllowanceCharge")
        SubElement(_ram(allowance, "ChargeIndicator"), f"{{{UDT}}}Indicator").text = "false"
        _texts(allowance, "ActualAmount", _figure(-part.net))
        _texts(allowance, "Reason", wording.tidy(getattr(part.line.name, document["language"])))
        _tax(_ram(allowance, "CategoryTradeTax"), part.line.tax_rate, category)
    if due_on := document["due_on"]:
        _day(_ram(_ram(settled, "SpecifiedTradePaymentTerms"), "DueDateDateTime"), due_on)
    _sums(_ram(settled, "SpecifiedTradeSettlementHeaderMonetarySummation"), bill, taken_off, sign)
    if credited := document.get("credits"):
        original = _ram(settled, "InvoiceReferencedDocument")
        _texts(original, "IssuerAssignedID", credited["number"])
        _day(_ram(original, "FormattedIssueDateTime"), credited["issued_on"], QDT)


def _sums(element: Element, bill: Bill, taken_off: list[Part], sign: int) -> None:
    allowed = -sum((part.net for part in taken_off), Decimal(0))
    _texts(element, "LineTotalAmount", _figure(sign * bill.net + allowed))
    _texts(element, "AllowanceTotalAmount", _figure(allowed))
    _texts(element, "TaxBasisTotalAmount", _figure(sign * bill.net))
    _texts(element, "TaxTotalAmount", _figure(sign * bill.tax), currencyID=bill.currency)
    _texts(element, "GrandTotalAmount", _figure(sign * bill.total))
    _texts(element, "DuePayableAmount", _figure(sign * bill.total))


def _tax(
    element: Element, rate: Decimal, untaxed: str, *, sums: tuple[Decimal, Decimal] | None = None, reason: str = ""
) -> None:
    """Fill a tax element; ``sums`` are the tax and its basis, with the reason why none is charged."""
    category = "S" if rate else untaxed
    if sums:
        _texts(element, "CalculatedAmount", _figure(sums[0]))
    _texts(element, "TypeCode", "VAT")
    if sums:
        if not rate and (why := reason or UNTAXED[category]):
            _texts(element, "ExemptionReason", why)
        _texts(element, "BasisAmount", _figure(sums[1]))
    _texts(element, "CategoryCode", category)
    if category != "O":
        _texts(element, "RateApplicablePercent", f"{(rate * 100).normalize():f}")


def _figure(value: Decimal) -> str:
    return f"{value + 0:f}"  # what was turned round must not be a zero below zero


def _ram(parent: Element, name: str) -> Element:
    return SubElement(parent, f"{{{RAM}}}{name}")


def _texts(parent: Element, path: str, text: str, **attributes: str) -> None:
    *above, name = path.split("/")
    for each in above:
        parent = _ram(parent, each)
    element = _ram(parent, name)
    element.text = text
    element.attrib.update(attributes)


def _day(parent: Element, iso: str, namespace: str = UDT) -> None:
    element = SubElement(parent, f"{{{namespace}}}DateTimeString", format="102")
    element.text = iso.replace("-", "")
