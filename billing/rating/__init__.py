"""How the month is priced: terms × totals → bill. Standard library only; no clock, no database, no float.

The public functions, each documented where it lives:

* ``rate(terms, totals, settled=())`` → ``Bill``
* ``rate_call(terms, call, used_before=None)`` → ``RatedCall``
* ``count(terms, calls, held=None)`` → ``Totals``
* ``explain(line, currency, names)`` → ``Explanation`` (zh, en, amount); ``names_of(terms)``; ``recompute(line)``
* ``difference(earlier, later)`` → ``Difference``
* ``price(price, quantity, start=, zero_flat=)`` → ``Priced``; ``price_calls``, ``price_events`` for single ones
* ``billed_seconds(rule, talk_ms, reported_s=)``; ``billed_pieces``; ``split_at_bands``; ``band_at``
* ``prorate(amount, days, of)``
* ``lint(terms or agreement)`` → findings
* ``takings(agreement)``, ``meters(agreement)``: what every clause takes, for the SQL that counts
* ``terms_from_versions(period, zone, versions)`` → ``Terms``
* ``billing.periods.periods(billing_day, zone, since=)`` and ``billing.money.round_amount(amount, currency, mode)``
"""

from billing.money import round_amount
from billing.periods import Period, period_containing, periods
from billing.rating.bands import band_at, split_at_bands
from billing.rating.bill import Bill, Line
from billing.rating.calls import Call
from billing.rating.clauses.context import prorate
from billing.rating.counting import Taking, meters, takings
from billing.rating.difference import Difference, difference
from billing.rating.durations import billed_pieces, billed_seconds
from billing.rating.engine import rate
from billing.rating.explain import explain, names_of, recompute
from billing.rating.lint import Finding, lint
from billing.rating.prices import price, price_calls, price_events
from billing.rating.rated_call import RatedCall, rate_call
from billing.rating.recount import count
from billing.rating.refusals import InvalidTerms
from billing.rating.terms import Agreement, Terms, terms_from_versions
from billing.rating.totals import Totals

__all__ = [
    "Agreement",
    "Bill",
    "Call",
    "Difference",
    "Finding",
    "InvalidTerms",
    "Line",
    "Period",
    "RatedCall",
    "Taking",
    "Terms",
    "Totals",
    "band_at",
    "billed_pieces",
    "billed_seconds",
    "count",
    "difference",
    "explain",
    "lint",
    "meters",
    "names_of",
    "period_containing",
    "periods",
    "price",
    "price_calls",
    "price_events",
    "prorate",
    "rate",
    "rate_call",
    "recompute",
    "round_amount",
    "split_at_bands",
    "takings",
    "terms_from_versions",
]
