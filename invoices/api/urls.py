"""The addresses of the tenant's documents and money."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from invoices.api import (
    accounts,
    bounces,
    budgets,
    comparisons,
    disputes,
    documents,
    fit,
    forecast,
    tax_invoices,
    usage,
)

DOCUMENT = r"(?P<document>[A-Za-z0-9][A-Za-z0-9_-]{0,41})"

urlpatterns: list[URLPattern] = [
    re_path(rf"^api/v1/{route}$", view.as_view(), name=name)
    for route, view, name in (
        ("invoices", documents.InvoicesView, "invoices"),
        ("credit-notes", documents.CreditNotesView, "credit-notes"),
        (rf"invoices/{DOCUMENT}", documents.InvoiceView, "invoice"),
        (rf"invoices/{DOCUMENT}/lines", documents.LinesView, "invoice-lines"),
        (rf"invoices/{DOCUMENT}/calls", documents.LineCallsView, "invoice-calls"),
        (rf"invoices/{DOCUMENT}/pdf", documents.PDFView, "invoice-document"),
        (rf"invoices/{DOCUMENT}/evidence", documents.EvidenceView, "invoice-bundle"),
        (rf"invoices/{DOCUMENT}/questions", disputes.QuestionsView, "invoice-questions"),
        (rf"invoices/{DOCUMENT}/tax-invoice", documents.TaxInvoiceFileView, "invoice-tax-invoice"),
        (rf"tax-invoices/{DOCUMENT}", tax_invoices.TaxInvoiceView, "tax-invoice"),
        ("usage", usage.UsageView, "usage"),
        ("usage/daily", forecast.DailyView, "usage-daily"),
        ("forecast", forecast.ForecastView, "forecast"),
        ("fit", fit.FitView, "fit"),
        ("budgets", budgets.BudgetsView, "budgets"),
        (r"budgets/(?P<budget>[0-9]{1,18})", budgets.BudgetView, "budget"),
        ("comparisons", comparisons.ComparisonsView, "comparisons"),
        (r"comparisons/(?P<comparison>[0-9]{1,18})", comparisons.ComparisonView, "comparison"),
        ("payments", accounts.PaymentsView, "payments"),
        ("bounces", bounces.BouncesView, "bounces"),
        ("balance", accounts.BalanceView, "balance"),
    )
]
