"""Where calls come from and what became of them, as finance sees it."""

from usage.admin import calls, declarations, deliveries, quarantine, sources

__all__ = ["calls", "declarations", "deliveries", "quarantine", "sources"]
