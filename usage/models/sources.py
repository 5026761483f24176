"""Where calls come from. Part of the control plane."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import CODE, Tenant, validate_zone

USUAL, FIRST_LEG, EACH_RECORD = "usual", "first", "each"
LEG_POLICIES = [
    (USUAL, _("as usual for the sender")),
    (FIRST_LEG, _("the first leg of a call counts")),
    (EACH_RECORD, _("each record counts")),
]
DIGITS = RegexValidator(r"^[0-9]*\Z", _("Digits only."))


class Source(models.Model):
    """A switch or platform of a tenant that reports calls. Part of the control plane."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="sources")
    code = models.SlugField(_("code"), max_length=40, validators=[CODE])
    zone = models.CharField(
        _("time zone"),
        max_length=60,
        validators=[validate_zone],
        help_text=_("For records that carry local times without a zone."),
    )
    leg_policy = models.CharField(
        _("legs"),
        max_length=8,
        choices=LEG_POLICIES,
        default=USUAL,
        help_text=_("Usual: FreeSWITCH counts the first leg of a call, every other sender each record."),
    )
    country_code = models.CharField(
        _("country code of its numbers"),
        max_length=3,
        blank=True,
        validators=[DIGITS],
        help_text=_(
            "Such as 86. 0086…, +86…, 86… and 0… then become one number, +86…; empty leaves numbers as they come."
        ),
    )
    international_prefix = models.CharField(_("dials abroad with"), max_length=6, default="00", validators=[DIGITS])
    trunk_prefix = models.CharField(_("dials at home with"), max_length=3, default="0", blank=True, validators=[DIGITS])
    variables = models.JSONField(
        _("variables kept as labels"),
        default=dict,
        blank=True,
        help_text=_('FreeSWITCH: label → channel variable, such as {"campaign": "sip_h_X-campaignId"}.'),
    )
    preset = models.CharField(
        _("sends like"), max_length=20, blank=True, help_text=_("The sender whose callbacks /api/v1/cdr/mapped takes.")
    )
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        blank=True,
        help_text=_("Field → path in the sender's record, over the preset's; see docs/api.md."),
    )
    acknowledgement = models.JSONField(
        _("acknowledgement"),
        default=dict,
        blank=True,
        help_text=_("The JSON the sender wants back; empty means the preset's, or the outcome."),
    )
    silence_factor = models.PositiveSmallIntegerField(
        _("silence alarm after"),
        default=3,
        help_text=_("Times the usual longest pause of a day; 0 never alarms."),
    )
    usual_pause = models.DurationField(_("longest usual pause"), null=True, editable=False)
    usual_pause_on = models.DateField(_("pause worked out"), null=True, editable=False)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="source_code_once")]

    def __str__(self) -> str:
        return self.code
