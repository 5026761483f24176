"""What the tax authorities want to know of a seller's services: the classification code of each kind of line."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.parties import Seller

TAX_CODE = RegexValidator(
    r"^[1-9][0-9]{18}\Z", _("Write the 19 digits of the tax classification code, such as 3040203000000000000.")
)


class TaxCode(models.Model):
    """The classification code (商品和服务税收分类编码) that a seller's lines of a kind, or of one clause, bear.

    The clause's own code goes before that of its kind, and that before the one for all lines.
    """

    ALL = ""
    KINDS = [
        (ALL, _("all lines")), ("usage", _("usage")), ("recurring", _("recurring fee")), ("seat", _("seats")),
        ("module", _("modules")), ("service_level", _("service levels")), ("one_off", _("one-off fee")),
        ("package", _("packages")), ("true_up", _("minimum commitment")),
    ]  # fmt: skip

    seller = models.ForeignKey(Seller, models.CASCADE, verbose_name=_("seller"), related_name="tax_codes")
    kind = models.CharField(_("lines"), max_length=16, choices=KINDS, blank=True)
    clause = models.CharField(
        _("clause"), max_length=64, blank=True, help_text=_("The code of one clause; empty: every clause of the kind.")
    )
    code = models.CharField(_("tax classification code"), max_length=19, validators=[TAX_CODE])

    class Meta:
        verbose_name = _("tax classification code")
        verbose_name_plural = _("tax classification codes")
        constraints = [
            models.UniqueConstraint(fields=["seller", "kind", "clause"], name="one_tax_code"),
            models.CheckConstraint(condition=models.Q(code__regex=r"^[1-9][0-9]{18}$"), name="tax_code_has_19_digits"),
        ]

    def __str__(self) -> str:
        return f"{self.clause or self.get_kind_display()}: {self.code}"
