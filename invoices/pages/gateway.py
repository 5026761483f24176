"""Paying online: to the gateway from an invoice's page, and the gateway's report that it was paid."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from billing.api import problem_response
from billing.errors import Refused
from invoices.gateways import collect, gateway_called, link_to_pay
from invoices.pages.visiting import invoice_by, private

LARGEST_REPORT = 256 * 1024
log = structlog.get_logger(__name__)


@never_cache
@require_safe
def pay_invoice(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """Lead to where a gateway takes what is open of the invoice."""
    gateway, invoice = gateway_called(name), invoice_by(token)
    if gateway is None:
        raise Http404("no such gateway")
    try:
        return private(HttpResponseRedirect(link_to_pay(name, gateway, invoice)))
    except Refused as refusal:
        return private(HttpResponse(refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8"))


@csrf_exempt
@never_cache
@require_POST
def gateway_callback(request: HttpRequest, name: str) -> HttpResponse:
    """Take a gateway's report; only its own signature lets it in. Acknowledged once the payment is committed."""
    gateway = gateway_called(name)
    if gateway is None:
        raise Http404("no such gateway")
    body = request.read(LARGEST_REPORT + 1)
    if len(body) > LARGEST_REPORT:
        return problem_response(413, "too_large", "The body is larger than 256 KiB.")
    try:
        paid = gateway.read_callback(dict(request.headers), body)
        payment = collect(name, paid, datetime.now(UTC)) if paid is not None else None
    except Refused as refusal:
        log.warning("gateway report refused", gateway=name, code=refusal.code)
        return problem_response(refusal.status, refusal.code, refusal.message)
    log.info("gateway report", gateway=name, payment_id=payment.pk if payment else None)
    return HttpResponse(gateway.acknowledgement, content_type="text/plain; charset=utf-8")
