"""``manage.py try_contracts``: what a prospect without history would pay under contracts of the catalogue; nothing is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from billing.errors import Refused
from billing.periods import period_containing
from invoices.advising import advise, named, spread
from invoices.comparing import MOST_OFFERS, Comparison, catalogue_offer, catalogue_offers
from invoices.prospecting import Profile, Prospect, calls_of_csv, calls_of_profile, try_prospect
from invoices.weighing import told


class Command(BaseCommand):
    """Compare catalogue contracts on a CSV of calls or on a profile."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take the calls, or a profile of them, and the contracts."""
        parser.add_argument("--csv", type=Path, help="calls in the CSV of the call API, at most 100,000")
        parser.add_argument("--calls-per-day", type=int, help="answered calls a day, at most 3,000")
        parser.add_argument("--lengths", default="60:1", help="talk seconds:share by commas, such as 30:0.6,120:0.4")
        parser.add_argument(
            "--peak-share", type=Fraction, default=Fraction(7, 10), help="share of calls 9 to 18 o'clock"
        )
        parser.add_argument("--seats", type=int, default=0)
        parser.add_argument("--modules", default="", help="items of modules by commas")
        parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("Asia/Shanghai"))
        parser.add_argument("--currency", default="CNY")
        parser.add_argument(
            "--with", dest="codes", action="append", default=[], metavar="CODE", help="a model contract"
        )
        parser.add_argument("--language", choices=["zh", "en"], default="en")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print."""
        with override("zh-hans" if options["language"] == "zh" else "en"):
            try:
                compared = _compared(options)
                self.stdout.write(
                    json.dumps(told(compared, advise(compared)), ensure_ascii=False, indent=2)
                    if options["json"]
                    else "\n".join(_lines(compared))
                )
            except (Refused, OSError) as fault:
                raise CommandError(str(fault)) from fault


def _compared(options: dict[str, Any]) -> Comparison:
    zone, modules = str(options["zone"]), tuple(filter(None, options["modules"].split(",")))
    if bool(options["csv"]) == bool(options["calls_per_day"]):
        raise CommandError("Give either --csv or --calls-per-day.")
    if options["csv"]:
        calls = calls_of_csv(options["csv"].read_bytes())
    else:
        try:
            pairs = [each.split(":") for each in options["lengths"].split(",")]
            lengths = tuple((int(seconds), Fraction(share)) for seconds, share in pairs)
        except (ValueError, ZeroDivisionError):
            raise CommandError("Write --lengths as seconds:share by commas, such as 30:0.6,120:0.4.") from None
        profile = Profile(options["calls_per_day"], lengths, options["peak_share"], modules)
        calls = calls_of_profile(profile, period_containing(datetime.now(UTC).date(), 1), zone)
    offers = [catalogue_offer(code) for code in options["codes"]] or catalogue_offers(options["currency"])[:MOST_OFFERS]
    if len(offers) > MOST_OFFERS:
        raise CommandError(f"At most {MOST_OFFERS} contracts can be compared.")
    return try_prospect(Prospect(zone, options["currency"], calls, options["seats"], modules), offers)


def _lines(compared: Comparison) -> list[str]:
    advice, order = advise(compared), compared.in_order()
    figures = [
        (f"{compared.net(each):,}", [f"{amount:,}" for amount in spread(compared, each)], each) for each in order
    ]
    return [
        *(f"{net:>16} {least:>14} – {most:<14} {named(each)}" for net, (least, most), each in figures),
        "", *advice.reasons, "", *advice.unknown,
    ]  # fmt: skip
