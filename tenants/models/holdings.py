"""What a tenant holds under a contract: modules and seats, measured levels, packages and what is left of them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.agreements import Contract, ContractVersion


class Entry(models.Model):
    """A row somebody entered: who, when, why. Rows are only ever added; the database sees to it.

    ``external_id`` is the sender's own: the same one twice is the same entry.
    """

    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=150)
    reason = models.CharField(_("why"), max_length=300, blank=True)

    class Meta:
        abstract = True


class SubscriptionChange(Entry):
    """More or fewer of an item (a module, seats, slots, numbers) from a day on; the sum of changes is what is held."""

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="subscriptions")
    item = models.CharField(_("item"), max_length=64, help_text=_("As the contract's clauses name it."))
    on = models.DateField(_("from"), help_text=_("The first day it holds."))
    change = models.DecimalField(
        _("change"), max_digits=18, decimal_places=3, help_text=_("How many more; below zero: how many fewer.")
    )

    class Meta:
        verbose_name = _("subscription change")
        verbose_name_plural = _("subscription changes")
        ordering = ["contract", "item", "on", "pk"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(change=0), name="subscription_changes"),
            models.UniqueConstraint(
                fields=["contract", "external_id"],
                condition=~models.Q(external_id=""),
                name="subscription_change_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item} {self.change:+} ({self.on})"


class MeasuredLevel(Entry):
    """What a promised service came to in one month, such as availability 0.9985; the latest entry counts."""

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="measurements")
    measure = models.CharField(_("measure"), max_length=64, help_text=_("As the contract's clauses name it."))
    period_starts_on = models.DateField(_("month"), help_text=_("The first day of the billing month."))
    version = models.ForeignKey(
        ContractVersion,
        models.PROTECT,
        verbose_name=_("version"),
        null=True,
        blank=True,
        help_text=_("Only for the days of one version; empty: the whole month."),
    )
    level = models.DecimalField(_("level"), max_digits=18, decimal_places=6)

    class Meta:
        verbose_name = _("measured level")
        verbose_name_plural = _("measured levels")
        ordering = ["contract", "period_starts_on", "measure", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(level__gte=0), name="level_not_negative"),
            models.UniqueConstraint(
                fields=["contract", "external_id"], condition=~models.Q(external_id=""), name="measured_level_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.level} ({self.period_starts_on:%Y-%m})"


class PackagePurchase(Entry):
    """One package bought (or granted by the month) with its own balance, which its postings add up to."""

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="packages")
    package = models.CharField(_("package"), max_length=64, help_text=_("The code of the package's clause."))
    bought_on = models.DateField(_("bought on"), help_text=_("The first day it can be used."))
    expires_on = models.DateField(
        _("expires on"), null=True, blank=True, help_text=_("The first day it is worth nothing; empty: never.")
    )
    quantity = models.DecimalField(
        _("quantity"), max_digits=24, decimal_places=8, help_text=_("In the package's unit, such as minutes.")
    )

    class Meta:
        verbose_name = _("package purchase")
        verbose_name_plural = _("package purchases")
        ordering = ["contract", "bought_on", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="bought_something"),
            models.CheckConstraint(
                condition=models.Q(expires_on__isnull=True) | models.Q(expires_on__gt=models.F("bought_on")),
                name="expires_after_bought",
            ),
            models.UniqueConstraint(
                fields=["contract", "external_id"], condition=~models.Q(external_id=""), name="package_bought_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.package} {self.quantity} ({self.bought_on})"


class Posting(models.Model):
    """One move of a package's units: from one account to another, so both sides always add up to zero.

    ``reference`` names what caused it (an invoice); the same cause posts once. ``on`` is the day it counts for.
    """

    BOUGHT, DRAWN, EXPIRED, REVERSED = "bought", "drawn", "expired", "reversed"
    KINDS = [(BOUGHT, _("bought")), (DRAWN, _("drawn")), (EXPIRED, _("expired")), (REVERSED, _("reversed"))]

    purchase = models.ForeignKey(
        PackagePurchase, models.PROTECT, verbose_name=_("package purchase"), related_name="postings"
    )
    kind = models.CharField(_("what"), max_length=8, choices=KINDS)
    reverses = models.OneToOneField(
        "self", models.PROTECT, verbose_name=_("reverses"), null=True, blank=True, related_name="reversed_by"
    )
    reference = models.CharField(_("because of"), max_length=100, blank=True)
    on = models.DateField(_("on"))
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=150)

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        ordering = ["purchase", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="reversed", reverses__isnull=False)
                | (~models.Q(kind="reversed") & models.Q(reverses__isnull=True)),
                name="reversal_names_what_it_reverses",
            ),
            models.UniqueConstraint(
                fields=["purchase", "kind", "reference"],
                condition=models.Q(kind__in=["bought", "drawn", "expired"]),
                name="posted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}".strip()


class Movement(models.Model):
    """One side of a posting: units that go onto an account, or leave it (below zero)."""

    BALANCE, BOUGHT, DRAWN, EXPIRED = "balance", "bought", "drawn", "expired"
    ACCOUNTS = [(BALANCE, _("balance")), (BOUGHT, _("bought")), (DRAWN, _("drawn")), (EXPIRED, _("expired"))]

    posting = models.ForeignKey(Posting, models.PROTECT, verbose_name=_("posting"), related_name="movements")
    account = models.CharField(_("account"), max_length=8, choices=ACCOUNTS)
    units = models.DecimalField(_("units"), max_digits=24, decimal_places=8)

    class Meta:
        verbose_name = _("movement")
        verbose_name_plural = _("movements")
        ordering = ["posting", "pk"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(units=0), name="movement_moves"),
            models.UniqueConstraint(fields=["posting", "account"], name="one_side_an_account"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.units:+}"
