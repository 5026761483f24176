"""China's public holidays, and the weekend days worked to make up for them, as the State Council announced them.

Source: the yearly notice of the General Office of the State Council on public holidays: 国办发明电〔2023〕7号 for 2024, 〔2024〕12号 for
2025, and the notice of 4 November 2025 for 2026. Outside these years no day is known to be different from its weekday.
"""

from __future__ import annotations

from datetime import date, timedelta

YEARS = (2024, 2025, 2026)
_OFF = {
    2024: ("01-01", "02-10/02-17", "04-04/04-06", "05-01/05-05", "06-10", "09-15/09-17", "10-01/10-07"),
    2025: ("01-01", "01-28/02-04", "04-04/04-06", "05-01/05-05", "05-31/06-02", "10-01/10-08"),
    2026: ("01-01/01-03", "02-15/02-23", "04-04/04-06", "05-01/05-05", "06-19/06-21", "09-25/09-27", "10-01/10-07"),
}
_WORKED = {
    2024: ("02-04", "02-18", "04-07", "04-28", "05-11", "09-14", "09-29", "10-12"),
    2025: ("01-26", "02-08", "04-27", "09-28", "10-11"),
    2026: ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10"),
}


def _span(year: int, told: str) -> list[date]:
    first, _, last = told.partition("/")
    begin, end = (date.fromisoformat(f"{year}-{each}") for each in (first, last or first))
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


HOLIDAYS = frozenset(day for year, told in _OFF.items() for each in told for day in _span(year, each))
WORKED = frozenset(date.fromisoformat(f"{year}-{each}") for year, told in _WORKED.items() for each in told)


def are_known(day: date, country: str) -> bool:
    """Tell whether the holidays of a day's year are known for a country (ISO 3166): China's for the years above."""
    return country == "CN" and day.year in YEARS


def kind_of(day: date, country: str) -> str:
    """Say what a day is like: "holiday", "working" for a weekend day that is worked, or its weekday, "1" Monday to "7"."""
    if country == "CN" and day in HOLIDAYS:
        return "holiday"
    if country == "CN" and day in WORKED:
        return "working"
    return str(day.isoweekday())
