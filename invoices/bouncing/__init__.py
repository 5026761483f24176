"""Mails that came back: reports read in the usual forms, and noted at the mail and at the tenant."""

from invoices.bouncing.noting import Noted, note_bounces
from invoices.bouncing.reading import WrongReport, read_reports

__all__ = ["Noted", "WrongReport", "note_bounces", "read_reports"]
