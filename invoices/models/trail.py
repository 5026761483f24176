"""The audit trail: what the triggers wrote of each change, the seals that chain it, and the days' anchors."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


class TrailEntry(models.Model):
    """One row of one table added, changed or removed: who did it, when and why. Written by triggers alone.

    ``after`` is all of the row, null when it was removed; ``before`` is what was there of the columns that changed, all
    of a removed row. Secrets and large documents stand as their SHA-256. *Found* are rows that were there before the
    trail was. ``role`` is the database's; ``who`` is empty for raw SQL.
    """

    ADDED, CHANGED, REMOVED, FOUND = "added", "changed", "removed", "found"
    KINDS = [(ADDED, _("added")), (CHANGED, _("changed")), (REMOVED, _("removed")), (FOUND, _("found there"))]
    DOORS = [
        ("admin", _("admin")), ("api", _("API")), ("page", _("hosted page")), ("task", _("task")),
        ("command", _("command")), ("sql", _("raw SQL")),
    ]  # fmt: skip

    at = models.DateTimeField(_("at"))
    table_name = models.TextField(_("table"))
    key = models.TextField(_("key"))
    what = models.CharField(_("what"), max_length=8, choices=KINDS)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    door = models.CharField(_("door"), max_length=10, choices=DOORS)
    who = models.TextField(_("who"))
    why = models.TextField(_("why"))
    request_id = models.TextField(_("request"))
    role = models.TextField(_("database role"))

    class Meta:
        verbose_name = _("entry of the audit trail")
        verbose_name_plural = _("audit trail")
        ordering = ["-pk"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["table_name", "key", "id"], name="trail_of_a_row"),
            models.Index(fields=["who", "id"], name="trail_of_a_person", condition=models.Q(door="admin")),
            BrinIndex(fields=["at"], name="trail_by_time", pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} {self.key}: {self.get_what_display()}"


class TrailSeal(models.Model):
    """A link of the chain: entries up to ``last_id``, the SHA-256 of each, and one hash over them and the seal before.

    hash = h(…h(h(start ‖ first digest) ‖ second digest)…), where start = h(hash of the seal before ‖ number ‖ time).
    """

    number = models.BigIntegerField(_("seal"), primary_key=True)
    sealed_at = models.DateTimeField(_("sealed"))
    last_id = models.BigIntegerField(_("up to entry"))
    entries = models.BigIntegerField(_("entries so far"))
    ids = ArrayField(models.BigIntegerField())
    digests = models.BinaryField()
    hash = models.BinaryField(_("hash"))

    class Meta:
        verbose_name = _("seal of the audit trail")
        verbose_name_plural = _("seals of the audit trail")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)


class TrailAnchor(models.Model):
    """Where the chain ended on a day (UTC): to be kept outside of the database, so that no rewriting of it goes unseen."""

    day = models.DateField(_("day (UTC)"), primary_key=True)
    seal = models.BigIntegerField(_("seal"))
    hash = models.CharField(_("hash"), max_length=64)
    entries = models.BigIntegerField(_("entries so far"))
    written_at = models.DateTimeField(_("written"))

    class Meta:
        verbose_name = _("anchor of the audit trail")
        verbose_name_plural = _("anchors of the audit trail")
        ordering = ["-day"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
