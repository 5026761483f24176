"""Mappings: which path of a sender's record feeds which field, for JSON, forms and tables.

A mapping, over a preset or alone (docs/api.md has examples):

``records``   path to the list of records, "" when the body is the record or a list of them
``skip``      {"path", "in"}, {"path", "present"} or {"path", "absent"}, or a list of them: bodies and records that are no calls (a ringing
              event, a recording), acknowledged and not stored
``answered``  {"path", "in"} or {"path", "above"}: who says that somebody answered; absent, answered_at says it
``zone``      zone of local times; absent, the source's
``fields``    field → rule; a rule is a path, or {"path", "as", "unit", "values", "otherwise", "negate", "constant"}
``labels``, ``counters``   name → rule

A path is dotted, with [0] for a place in a list and [name=value] for an object in it that says so; several paths are
tried in order. ``as`` reads an instant: s, ms, us (since 1970), rfc2822, text (RFC 3339, or a local time), or a strptime
pattern with a %. ``unit`` (s, ms, us) is what a duration counts: talk, duration (of the whole call), reported, agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from usage.formats import clocks
from usage.formats.presets import PRESETS
from usage.formats.record import Fault, Unfit
from usage.formats.rules import SourceRules

INSTANTS = ("started_at", "answered_at", "ended_at", "transferred_at")
DURATIONS = ("talk", "duration", "reported", "agent")
TEXTS = ("call_id", "leg", "direction", "caller", "callee", "hangup_cause", "region", "robot", "line", "language")
FIELDS = frozenset({*INSTANTS, *DURATIONS, *TEXTS, "modules"})
RULE = frozenset({"path", "as", "unit", "values", "otherwise", "negate", "constant", "zone"})
MILLISECONDS = {"s": Decimal(1000), "ms": Decimal(1), "us": Decimal("0.001")}
PARTS = frozenset({"records", "skip", "answered", "zone", "fields", "labels", "counters"})


def mapping_of(rules: SourceRules) -> dict[str, Any]:
    """Return a source's mapping: what it states itself over what its preset says."""
    base = PRESETS.get(rules.preset, {}).get("mapping", {})
    merged = {**base, **rules.mapping}
    for group in ("fields", "labels", "counters"):
        merged[group] = {**base.get(group, {}), **rules.mapping.get(group, {})}
    return merged


def fault_of_mapping(mapping: Any) -> Fault | None:
    """Return the first thing that is wrong with a stated mapping, with a pointer, or None."""
    if not isinstance(mapping, dict):
        return Fault("invalid_mapping", _("A mapping is an object."), "/")
    pointer, sentence = next(_faults(mapping), ("", ""))
    return Fault("invalid_mapping", sentence, pointer) if sentence else None


def _faults(mapping: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(mapping.keys() - PARTS):
        sentence = _("A mapping has no “%(name)s”; it has %(parts)s.")
        yield f"/{name}", sentence % {"name": name, "parts": ", ".join(sorted(PARTS))}
    if zone := mapping.get("zone"):
        try:
            clocks.zone_of(str(zone))
        except Unfit:
            yield "/zone", _("There is no time zone “%(zone)s”; write one such as Asia/Shanghai.") % {"zone": zone}
    for group in ("fields", "labels", "counters"):
        yield from _faults_of_group(group, mapping.get(group, {}))
    skip = mapping.get("skip", [])
    for name, rules in {
        "skip": skip if isinstance(skip, list) else [skip],
        "answered": [mapping.get("answered")],
    }.items():
        if name in mapping and not all(_decides(rule) for rule in rules):
            yield f"/{name}", _('Write {"path": …, "in": [ … ]}.')


def _decides(rule: Any) -> bool:
    if not isinstance(rule, dict) or not isinstance(rule.get("path"), str | list):
        return False
    return isinstance(rule.get("in", []), list) and bool({"in", "above", "present", "absent"} & rule.keys())


def _faults_of_group(group: str, rules: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(rules, dict):
        yield f"/{group}", _("This is an object of rules.")
        return
    for name, rule in rules.items():
        if group == "fields" and name not in FIELDS:
            sentence = _("There is no field “%(name)s”; there are %(fields)s.")
            yield f"/fields/{name}", sentence % {"name": name, "fields": ", ".join(sorted(FIELDS))}
        if sentence := _fault_of_rule(rule):
            yield f"/{group}/{name}", sentence


def _fault_of_rule(rule: Any) -> str:
    if isinstance(rule, str):
        return ""
    if not isinstance(rule, dict) or not {"path", "constant"} & rule.keys():
        return _("A rule is a path, or an object with a path.")
    if unknown := rule.keys() - RULE:
        return _("A rule has no “%(name)s”; it has %(parts)s.") % {
            "name": min(unknown),
            "parts": ", ".join(sorted(RULE)),
        }
    if not isinstance(rule.get("path", ""), str | list) or not isinstance(rule.get("values", {}), dict):
        return _("path is a text or a list of texts, values an object.")
    written = rule.get("as", "text")
    if written not in {*clocks.MICROSECONDS, "rfc2822", "text"} and "%" not in str(written):
        return _("as is s, ms, us, rfc2822, text or a strptime pattern.")
    return "" if rule.get("unit", "s") in MILLISECONDS else _("unit is s, ms or us.")
