"""What one person asks for and another decides; the database holds that they are two."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused

UNDECIDED = models.Q(approved__isnull=True, decided_at__isnull=True, decided_by="")


class TwoPeople(models.Model):
    """A wish with its reason: asked for by one person, approved or declined by another. Bear ``takes_two``."""

    reason = models.CharField(_("reason"), max_length=300)
    requested_by = models.CharField(_("requested by"), max_length=150)
    requested_at = models.DateTimeField(_("requested"))
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    approved = models.BooleanField(_("approved"), null=True)

    class Meta:
        abstract = True

    def refuse_decision(self, by: str, refusal: type[Refused]) -> None:
        """Raise a refusal when it is decided already, and for the person who asked."""
        if self.approved is not None:
            raise refusal("decided", gettext("This request is decided already."))
        if not by or self.requested_by == by:
            raise refusal("four_eyes", gettext("Another person than the one who asked must decide."))


def takes_two(name: str) -> models.CheckConstraint:
    """Hold that there is a reason and a name, and that nobody decides what they asked for themselves."""
    return models.CheckConstraint(
        condition=~models.Q(decided_by=models.F("requested_by")) & ~models.Q(reason="") & ~models.Q(requested_by=""),
        name=name,
    )
