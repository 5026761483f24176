"""Checks of the books: who asked, how far they are, what they found, and the mails that tell of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail


class BooksCheck(models.Model):
    """One check of every invariant of the books. ``broken`` are those that do not hold, each with the rows that say so.

    It is an alarm from the day it found something until a later check finds nothing. For example
    [{"invariant": "I3", "sentence": "the lines add up …", "columns": ["id", "net"], "rows": [["7", "1.00"]]}].
    """

    asked_by = models.CharField(_("asked for by"), max_length=150)
    asked_at = models.DateTimeField(_("asked for"))
    began_at = models.DateTimeField(_("began"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    questions = models.PositiveSmallIntegerField(_("questions"))
    answered = models.PositiveSmallIntegerField(_("answered"), default=0)
    broken = models.JSONField(_("does not hold"), default=list)

    class Meta:
        verbose_name = _("check of the books")
        verbose_name_plural = _("checks of the books")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ended_at"], condition=models.Q(ended_at__isnull=True), nulls_distinct=False,
                name="one_check_at_a_time",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{timezone.localtime(self.asked_at):%Y-%m-%d %H:%M}"


class BooksMail(OwedMail):
    """A mail that tells one address what a check found."""

    check_told = models.ForeignKey(
        BooksCheck, models.CASCADE, related_name="mails", verbose_name=_("check of the books")
    )

    class Meta:
        verbose_name = _("mail about the books")
        verbose_name_plural = _("mails about the books")
        constraints = [models.UniqueConstraint(fields=["check_told", "recipient"], name="told_once_of_books")]

    def __str__(self) -> str:
        return f"{self.check_told} → {self.recipient}"
