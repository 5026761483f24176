"""Every address of the site."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from billing.api import problem_response
from invoices import api as invoices_api
from invoices import pages
from tenants.api import urls as tenants_urls
from usage import api as usage_api


def no_such_api(request: HttpRequest) -> HttpResponse:
    """Answer an unknown address under /api with a problem."""
    return problem_response(404, "not_found", "There is nothing at this address; see /api/docs.")


urlpatterns = [
    # Where the admin has a path or a host of its own, nobody is led there.
    *(
        []
        if settings.ADMIN_PATH != "admin/" or settings.ADMIN_HOST
        else [path("", RedirectView.as_view(url="/admin/"), name="home")]
    ),
    path("favicon.ico", RedirectView.as_view(url=static("huadan/icon.svg"))),
    *usage_api.urlpatterns,  # before others: addresses are tried in order, and a switch posts every call by itself
    *tenants_urls.urlpatterns,
    *invoices_api.urlpatterns,
    path("api/openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    re_path(r"^api/", no_such_api),
    path("i/<str:token>", pages.invoice_page, name="invoice-page"),
    path("i/<str:token>/pdf", pages.invoice_pdf, name="invoice-pdf"),
    path("i/<str:token>/tax-invoice", pages.tax_invoice_file, name="invoice-tax-invoice-file"),
    path("i/<str:token>/evidence.zip", pages.invoice_evidence, name="invoice-evidence"),
    path("i/<str:token>/question", pages.question_page, name="invoice-question"),
    path("i/<str:token>/month", pages.month_page, name="invoice-month"),
    path("i/<str:token>/fit", pages.fit_page, name="invoice-fit"),
    path("i/<str:token>/calls", pages.line_calls, name="line-calls"),
    path("i/<str:token>/calls.csv", pages.line_calls_csv, name="line-calls-csv"),
    path("i/<str:token>/pay/<slug:name>", pages.pay_invoice, name="pay-invoice"),
    path("gateways/<slug:name>/callback", pages.gateway_callback, name="gateway-callback"),
    path(".well-known/huadan-keys.json", pages.evidence_keys, name="evidence-keys"),
    path("i18n/", include("django.conf.urls.i18n")),
    path(settings.ADMIN_PATH, admin.site.urls),
]
