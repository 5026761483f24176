"""Calls as calling robots make them: seeded, streaming, and told in the formats of real switches."""

from usage.simulation.books import Books
from usage.simulation.disturbances import Delivery, Disturbances, disturb
from usage.simulation.encoding import CSV_COLUMNS, csv_body, to_asterisk, to_csv, to_native
from usage.simulation.freeswitch import freeswitch_body, to_freeswitch
from usage.simulation.presets import PRESETS
from usage.simulation.profiles import Profile, TalkKind, hours, week
from usage.simulation.seasons import Rush
from usage.simulation.traffic import SimulatedCall, calls

__all__ = [
    "CSV_COLUMNS",
    "PRESETS",
    "Books",
    "Delivery",
    "Disturbances",
    "Profile",
    "Rush",
    "SimulatedCall",
    "TalkKind",
    "calls",
    "csv_body",
    "disturb",
    "freeswitch_body",
    "hours",
    "to_asterisk",
    "to_csv",
    "to_freeswitch",
    "to_native",
    "week",
]
