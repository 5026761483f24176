"""How the month is priced: terms × totals → bill. Standard library only; no clock, no database, no float."""
