"""How a month is closed: the run, one step for each contract, what was found, and who opened a month again."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.deciding import UNDECIDED, TwoPeople, takes_two
from invoices.models.documents import Invoice
from tenants.models import Contract, Seller, Tenant

CLOSE, SHADOW = "close", "shadow"
PURPOSES = [(CLOSE, _("month close")), (SHADOW, _("rehearsal"))]


class CloseRun(models.Model):
    """One close of a seller's month, or its rehearsal; ``month`` is the first of the month in which periods begin.

    However many ask for it at once, there is one of each revision. A cancelled run is followed by the next revision;
    a rehearsal's revision is its day, such as 20261123.
    """

    CLOSE, SHADOW = CLOSE, SHADOW
    RUNNING, STOPPED, DONE, CANCELLED = "running", "stopped", "done", "cancelled"
    STATES = [
        (RUNNING, _("running")), (STOPPED, _("stopped")), (DONE, _("done")), (CANCELLED, _("cancelled")),
    ]  # fmt: skip

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="closes")
    month = models.DateField(_("month"))
    purpose = models.CharField(_("purpose"), max_length=8, choices=PURPOSES, default=CLOSE)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=RUNNING)
    started_at = models.DateTimeField(_("started"))
    started_by = models.CharField(_("started by"), max_length=150)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("month close")
        verbose_name_plural = _("month closes")
        ordering = ["-month", "purpose", "-revision"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "month", "purpose", "revision"], name="one_close_a_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.seller.code} {self.month:%Y-%m} {self.get_purpose_display()} {self.revision}"


class RunStep(models.Model):
    """One contract's month within a run: planned → counted → drafted → ready, or parked with a reason.

    A stage that took less than a second is not noted by itself: such a step goes from planned to ready at once.
    Whoever works on it has the ``fence`` of its claim; each transition names it, so that a worker thought dead that
    wakes up again changes nothing. ``figures`` are the step's line in the close report.
    """

    PLANNED, COUNTED, DRAFTED, READY, PARKED = "planned", "counted", "drafted", "ready", "parked"
    STATES = [
        (PLANNED, _("planned")), (COUNTED, _("counted")), (DRAFTED, _("drafted")), (READY, _("ready")),
        (PARKED, _("parked")),
    ]  # fmt: skip
    OPEN = (PLANNED, COUNTED, DRAFTED)

    run = models.ForeignKey(CloseRun, models.CASCADE, related_name="steps", verbose_name=_("month close"))
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", verbose_name=_("tenant"))
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", verbose_name=_("contract"))
    period_starts_on = models.DateField(_("period from"))
    purpose = models.CharField(_("purpose"), max_length=8, choices=PURPOSES)
    revision = models.PositiveIntegerField(_("revision"))
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=PLANNED)
    invoice = models.ForeignKey(Invoice, models.SET_NULL, null=True, related_name="steps", verbose_name=_("invoice"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    parked_by = models.CharField(_("parked by"), max_length=150, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    fence = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(_("changed"))
    figures = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("step of a month close")
        verbose_name_plural = _("steps of month closes")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "period_starts_on", "purpose", "revision"], name="one_step_a_contract"
            ),
        ]
        indexes = [
            models.Index(
                fields=["run", "id"], name="open_steps", condition=models.Q(state__in=["planned", "counted", "drafted"])
            ),
            models.Index(fields=["tenant", "period_starts_on"], name="steps_of_a_month"),
            models.Index(fields=["run"], name="parked_steps", condition=models.Q(state="parked")),
        ]

    def __str__(self) -> str:
        return f"{self.contract.code} {self.period_starts_on:%Y-%m}"


class Finding(models.Model):
    """What a check saw on a draft. The same finding seen again keeps its acceptance; an error parks its step.

    ``facts`` fill in the sentence that belongs to ``code``; see ``invoices.findings``.
    """

    ERROR, WARNING, NOTE = "error", "warning", "note"
    SEVERITIES = [(ERROR, _("error")), (WARNING, _("warning")), (NOTE, _("note"))]

    step = models.ForeignKey(RunStep, models.CASCADE, related_name="findings", verbose_name=_("step"))
    code = models.CharField(_("code"), max_length=40)
    key = models.CharField(_("concerns"), max_length=80, blank=True)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    facts = models.JSONField(default=dict)
    found_at = models.DateTimeField(_("found"))
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    accepted_by = models.CharField(_("accepted by"), max_length=150, blank=True)
    accepted_reason = models.CharField(_("why it is accepted"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["step", "code", "key"], name="one_finding_of_a_kind"),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True, accepted_by="", accepted_reason="")
                | (models.Q(accepted_at__isnull=False) & ~models.Q(accepted_by="") & ~models.Q(accepted_reason="")),
                name="accepted_by_someone_for_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["step"],
                name="open_findings",
                condition=models.Q(severity="error", accepted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.key}".strip()


class Reopening(TwoPeople):
    """A frozen month to be opened again: asked for by one person with a reason, approved by another."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="reopenings", verbose_name=_("tenant"))
    period_starts_on = models.DateField(_("period from"))
    taken_in = models.PositiveIntegerField(_("late calls and changes taken in"), default=0)

    class Meta:
        verbose_name = _("reopening of a month")
        verbose_name_plural = _("reopenings of months")
        permissions = [("decide_reopening", "Can decide on opening months again")]
        ordering = ["-pk"]
        constraints = [
            takes_two("reopening_takes_two"),
            models.CheckConstraint(
                condition=UNDECIDED
                | models.Q(approved__isnull=False, decided_at__isnull=False) & ~models.Q(decided_by=""),
                name="reopening_is_decided_by_someone",
            ),
            models.UniqueConstraint(
                fields=["tenant", "period_starts_on"],
                condition=models.Q(approved__isnull=True),
                name="one_open_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.code} {self.period_starts_on:%Y-%m}"
