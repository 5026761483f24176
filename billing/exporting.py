"""Tables that people open in Excel: CSV and xlsx, written row by row, never taken for formulas."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any, cast

from django.conf import settings
from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.http import content_disposition_header

from billing.rating.bundle import safe_cell

Cell = str | int | Decimal | date | datetime | None
CSV, XLSX = "csv", "xlsx"
FORMS = (CSV, XLSX)
AT_ONCE = 500
IN_MEMORY = 1 << 20
SHEET_ROWS = 1_048_576
DIGITS = 15  # of a number that Excel keeps
WIDTH = 16  # characters


def table_response(
    form: str, name: str, headers: Sequence[object], rows: Iterable[Sequence[Cell]]
) -> StreamingHttpResponse | FileResponse:
    """Give a table for download as ``name``.csv or, for the form xlsx, ``name``.xlsx.

    ``rows`` are read once, a few at a time, in the language and zone of now. Headers may be lazy translations.
    """
    head = [str(each) for each in headers]
    if form == XLSX:
        return FileResponse(xlsx_file(head, rows), as_attachment=True, filename=f"{name}.xlsx")
    response = StreamingHttpResponse(_as_now(csv_lines(head, rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.csv") or ""
    return response


def csv_lines(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """Yield a table as CSV with a byte order mark, by which Excel knows that it is UTF-8.

    Text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay numbers.
    """
    yield "\ufeff".encode()
    left = chain([headers], rows)
    while some := list(islice(left, AT_ONCE)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows([[_written(cell) for cell in row] for row in some])
        yield text.getvalue().encode()


def xlsx_file(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> IO[bytes]:
    """Write a table as an Excel file in bounded memory; return it opened at its beginning, for the caller to close.

    Each cell is written by its type, so that text is never a formula. What is more than a sheet holds goes on another.
    """
    import xlsxwriter  # only who exports pays for it

    target = cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - closed by who reads it
    with xlsxwriter.Workbook(target, {"constant_memory": True}) as book:
        bold = book.add_format({"bold": True})
        formats: dict[type, Any] = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        sheet = None
        for number, row in enumerate(rows):
            if number % (SHEET_ROWS - 1) == 0:
                sheet = _sheet(book, headers, bold)
            for column, cell in enumerate(row):
                _put(sheet, number % (SHEET_ROWS - 1) + 1, column, cell, formats)
        if sheet is None:
            _sheet(book, headers, bold)
    target.seek(0)
    return target


def _sheet(book: Any, headers: Sequence[str], bold: Any) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(len(headers) - 1, 0), WIDTH)
    for column, title in enumerate(headers):
        sheet.write_string(0, column, title, bold)
    return sheet


def _put(sheet: Any, row: int, column: int, cell: Cell, formats: dict[type, Any]) -> None:
    """Write a cell by its type; a number of which Excel would forget digits is written as text."""
    if cell is None:
        return
    if isinstance(cell, datetime):
        sheet.write_datetime(row, column, timezone.make_naive(cell), formats[datetime])
    elif isinstance(cell, date):
        sheet.write_datetime(row, column, cell, formats[date])
    elif isinstance(cell, Decimal | int) and len(Decimal(cell).normalize().as_tuple().digits) <= DIGITS:
        sheet.write_number(row, column, cell)
    else:
        sheet.write_string(row, column, str(cell))


def _written(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return timezone.localtime(cell).isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return "" if cell is None else safe_cell(cell) if isinstance(cell, str) else str(cell)


def _as_now(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Read chunks in the language and zone of now, although the request is over when they are read."""
    language, zone = translation.get_language() or settings.LANGUAGE_CODE, timezone.get_current_timezone()

    def kept() -> Iterator[bytes]:
        while True:
            with translation.override(language), timezone.override(zone):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    return kept()
