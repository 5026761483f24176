"""Comparisons a tenant asked for, and the months counted for them so far."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Contract, Tenant


class AskedComparison(models.Model):
    """Months of a contract to be tried under ``offers``, as these were when it was asked; ``result`` once it is done.

    An offer is {"code": "flat", "name": {"zh": "…", "en": "…"}, "agreement": {…}}; null is the contract itself.
    ``question`` is a digest of what is asked, so that the same question asked again while it waits is one row. Whoever
    works on it has the ``fence`` of his claim, and changes nothing once another has the next.
    """

    WAITING, DONE, FAILED = "waiting", "done", "failed"
    STATES = [(WAITING, _("waiting")), (DONE, _("done")), (FAILED, _("failed"))]

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="comparisons", verbose_name=_("tenant"))
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="comparisons", verbose_name=_("contract"))
    asked_by = models.CharField(_("asked for by"), max_length=150)
    asked_at = models.DateTimeField(_("asked for"))
    first_month = models.DateField(_("first month"))
    months = models.PositiveSmallIntegerField(_("months"))
    offers = models.JSONField(_("contracts"))
    held = models.JSONField(_("held"), null=True)
    question = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=8, choices=STATES, default=WAITING)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claimed_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    fault = models.JSONField(_("fault"), null=True)
    result = models.JSONField(_("result"), null=True)

    class Meta:
        verbose_name = _("comparison of contracts")
        verbose_name_plural = _("comparisons of contracts")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "question"], condition=models.Q(state="waiting"), name="one_waiting_comparison"
            ),
        ]
        indexes = [models.Index(fields=["id"], name="waiting_comparisons", condition=models.Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.contract.code} {self.first_month:%Y-%m}"


class ComparedMonth(models.Model):
    """A month counted for a comparison, under the terms whose digest it keeps; so a month is not counted twice."""

    comparison = models.ForeignKey(AskedComparison, models.CASCADE, related_name="counted")
    starts_on = models.DateField(_("period from"))
    terms = models.CharField(max_length=64)
    calls = models.PositiveBigIntegerField(_("calls"))
    answered = models.PositiveBigIntegerField(_("answered"))
    talk_ms = models.PositiveBigIntegerField(_("talk"))
    totals = models.JSONField()

    class Meta:
        verbose_name = _("compared month")
        verbose_name_plural = _("compared months")
        constraints = [models.UniqueConstraint(fields=["comparison", "starts_on"], name="one_count_a_month")]

    def __str__(self) -> str:
        return f"{self.starts_on:%Y-%m}"
