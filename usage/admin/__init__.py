"""Where calls come from and what became of them, as finance sees it."""

from usage.admin import alarms, calls, declarations, deliveries, levels, quarantine, retention, sources, unmaskings

__all__ = [
    "alarms",
    "calls",
    "declarations",
    "deliveries",
    "levels",
    "quarantine",
    "retention",
    "sources",
    "unmaskings",
]
