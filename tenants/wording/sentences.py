"""The engine's refusals in the reader's language; it speaks English only, to programs.

A test reads every refusal out of the engine's source and finds it here.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from tenants.wording.labels import Words

SENTENCES: list[tuple[str, Words]] = [
    (r'Add "(?P<member>.+)"\.', _("Fill this in.")),
    (r'Write a decimal number as a string, such as "0.15"\.', _("Write a number such as 0.15.")),
    (r"Write a whole number, without quotes\.", _("Write a whole number.")),
    (r"Write a string\.", _("Write a text.")),
    (r"Write true or false\.", _("Choose yes or no.")),
    (r'Write a date such as "2026-11-16"\.', _("Write a date such as 2026-11-16.")),
    (
        r'Write an instant with its offset: "2026-11-16T08:00:00\+00:00"\.',
        _("Write an instant such as 2026-11-16T08:00:00+00:00."),
    ),
    (r"Write one of: (?P<values>.+)\.", _("Choose one of these: %(values)s.")),
    (r"Write a list, in square brackets\.", _("Write a list, in square brackets.")),
    (r"Write a list of (?P<count>\d+) values\.", _("Write a list of %(count)s values.")),
    (r"Write an object, in curly brackets\.", _("Write an object, in curly brackets.")),
    (
        r'Write a price as a string, such as "0.15", or an object with "kind"\.',
        _("Choose a kind of price, or write a number such as 0.15."),
    ),
    (r'Write "kind" as one of: (?P<values>.+)\.', _("Choose the kind: %(values)s.")),
    (
        r'Nothing is called "(?P<member>.*)" here\. Did you mean "(?P<near>.+)"\?',
        _("Nothing is called “%(member)s” here. Did you mean “%(near)s”?"),
    ),
    (
        r'Nothing is called "(?P<member>.*)" here\. Known members: (?P<known>.+)\.',
        _("Nothing is called “%(member)s” here; write one of: %(known)s."),
    ),
    (
        r'Write "version": 1; this engine reads no other form\.',
        _("Write version 1; no other form of the document is read."),
    ),
    (
        r"Write a code of a-z, 0-9, _ and -, such as talk-domestic\.",
        _("Write a code of small letters, digits and hyphens, such as talk-domestic."),
    ),
    (r"Choose another code; (?P<code>.+) is taken\.", _("Choose another code; %(code)s is taken.")),
    (r'Write an ISO 4217 currency code such as "CNY"\.', _("Write a currency code such as CNY.")),
    (r'Write the tax rate as a share: "0.06" for 6 %\.', _("Write a tax rate from 0 % to below 100 %, such as 6 %.")),
    (r"Write at least one segment\.", _("No version is in force in this month; choose another one.")),
    (
        r'Write an IANA time zone such as "Asia/Shanghai"\.',
        _("There is no such time zone; write one such as Asia/Shanghai."),
    ),
    (
        r"Write segments in order, inside the period, not overlapping\.",
        _("Put the versions in order; they must not overlap."),
    ),
    (r"Give every segment its own version number\.", _("Give every version a number of its own.")),
    (r"Write one currency in all segments\.", _("Versions of one month must be in one currency.")),
    (
        r"Prices of one month are all with tax or all without\.",
        _("Prices of one month are all with tax or all without; let the new version begin with a month."),
    ),
    (
        r"No version of the contract is in force between (?P<first>\S+) and (?P<last>\S+)\.",
        _("No version of the contract is in force between %(first)s and %(last)s."),
    ),
    (
        r"A price of kind (?P<kind>\S+) does not fit this kind of clause\.",
        _("This kind of price does not fit this kind of clause; choose another one."),
    ),
    (r"Leave round_each_call out; it rounds calls\.", _("Leave this empty: only calls are rounded one by one.")),
    (
        r"Leave included_minutes out: a price of single calls does not know which were free\.",
        _("Leave this empty: a price of single calls does not know which were free."),
    ),
    (
        r"Write the seconds of the unit that the price is for, 60 for a minute\.",
        _("Write the seconds that the price is for: 60 for a minute."),
    ),
    (
        r"Write what a call beyond the limit costs, or set beyond_limit\.",
        _("Say what a call beyond the limit costs, or make it free or not allowed."),
    ),
    (r"Write a scale above 0 \(60 turns seconds into minutes\)\.", _("Write a number above 0.")),
    (
        r'Write measure with counts "measured", and only there\.',
        _("Say what is measured when counted from the calls, and only then."),
    ),
    (r"Write the day of the month, 1 to 31\.", _("Write a day of the month, 1 to 31.")),
    (r"Name the measurement that the credits look at\.", _("Name the measurement that the credits look at.")),
    (r"Name the clauses whose usage the package pays for\.", _("Name the clauses that the package pays for.")),
    (r"Write a factor above 0\.", _("Write a number above 0.")),
    (r"Write a price with at most 8 decimals\.", _("Write a price with at most 8 decimals.")),
    (
        r"Write 0 or more; what is given back belongs in factors or discounts\.",
        _("Write 0 or more; what is given back belongs in factors or discounts."),
    ),
    (r"Write 0 or more\.", _("Write 0 or more.")),
    (r"Write 0 or more seconds\.", _("Write 0 or more seconds.")),
    (r"Write the units that the price is for, above 0\.", _("Write a number above 0.")),
    (r"Write a step above 0, or leave it out\.", _("Write a step above 0, or leave it empty.")),
    (
        r"Write a maximum that is not below the minimum\.",
        _("Write a highest amount that is not below the lowest one."),
    ),
    (r"Write at least one tier\.", _("Write at least one tier.")),
    (
        r"Write an (?P<end>\S+) above (?P<previous>\S+); only the last tier is open\.",
        _(
            "The tiers leave a gap or overlap here: write a bound above %(previous)s; only the last row may be left empty."
        ),
    ),
    (
        r"Leave (?P<end>\S+) out of the last tier, so that no quantity lacks a price\.",
        _("Leave the bound of the last row empty, so that no quantity lacks a price."),
    ),
    (r"Write a block size above 0\.", _("Write a size above 0.")),
    (r"Write an increment of at least 1 second\.", _("Write an increment of at least 1 second.")),
    (r"Write either rate or tiers\.", _("Write either a rate or tiers.")),
    (
        r"Price single events by one rate; tiers have no free events or bounds\.",
        _("Price single events by one rate; tiers have no free events and no bounds for each."),
    ),
    (r'Write at least one dimension, such as "region"\.', _("Write at least one dimension, such as region.")),
    (
        r"Name (?P<stranger>\S+) among the dimensions, or drop it\.",
        _("Name %(stranger)s among the dimensions, or drop it."),
    ),
    (r"Write either rate, or measure with steps\.", _("Write either a rate, or a measurement with steps.")),
    (r"Write measure and steps together\.", _("Write the measurement and its steps together.")),
    (r"Write exactly one of rate, tiers and amount\.", _("Write exactly one of rate, tiers and amount.")),
    (
        r'Write what is taken off as a share from "0" to "1": "0.08" for 8 %\.',
        _("Write what is taken off, from 0 % to 100 %, such as 8 %."),
    ),
    (
        r'Write a local time such as "08:00" \(24:00 ends the day\)\.',
        _("Write a local time such as 08:00 (24:00 ends the day)."),
    ),
    (r"Write 00:00 to 24:00 for the whole day\.", _("Write 00:00 to 24:00 for the whole day.")),
    (r"Write weekdays as 1 \(Monday\) to 7 \(Sunday\)\.", _("Choose weekdays.")),
    (r"Write months as 1 to 12\.", _("Choose months from 1 to 12.")),
    (
        r"Write late_limit with late_calls roll_into_current, and only there\.",
        _("Write the limit when late calls roll into the current month, and only then."),
    ),
]


def in_words(message: str) -> str:
    """Say a refusal of the engine in the reader's language; one that is not in the table stays as it is."""
    for pattern, sentence in SENTENCES:
        if found := re.fullmatch(pattern, message):
            return str(sentence) % found.groupdict() if found.groupdict() else str(sentence)
    return message
