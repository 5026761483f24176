"""Tables for Excel: nothing in them is a formula, no digit is lost, and they are written while they are read."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext, override

from billing import exporting
from billing.exporting import csv_lines, table_response, xlsx_file

RISKY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")']


def sheets(file: Any) -> list[list[str]]:
    """Read an Excel file: each sheet as its cells, <type>value."""
    with zipfile.ZipFile(file) as book:
        shared = [
            re.sub(r"<[^>]+>", "", each)
            for each in re.findall(r"<si>.*?</si>", _part(book, "xl/sharedStrings.xml"), re.DOTALL)
        ]
        found = []
        for name in sorted(each for each in book.namelist() if each.startswith("xl/worksheets/sheet")):
            text = _part(book, name)
            assert "<f>" not in text, "a formula"
            cells = re.findall(r'<c r="\w+"(?: s="\d+")?(?: t="(\w+)")?>(.*?)</c>', text, re.DOTALL)
            found.append([
                f"text {shared[int(re.sub(r'<[^>]+>', '', value))] if kind == 's' else re.sub(r'<[^>]+>', '', value)}"
                if kind else f"number {re.sub(r'<[^>]+>', '', value)}"
                for kind, value in cells
            ])  # fmt: skip
        return found


def _part(book: zipfile.ZipFile, name: str) -> str:
    return book.read(name).decode() if name in book.namelist() else ""


@pytest.mark.parametrize("cell", RISKY)
def test_text_is_never_a_formula(cell: str) -> None:
    text = b"".join(csv_lines(["head"], [[cell]])).decode()
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1] == [f"'{cell}"]
    (sheet,) = sheets(xlsx_file(["head"], [[cell]]))
    assert sheet[1].startswith("text ")


def test_numbers_stay_numbers_and_lose_no_digit() -> None:
    row = [-3, Decimal("-12.50"), Decimal("123456789012345678.901"), date(2026, 11, 1), None, "中文"]
    text = b"".join(csv_lines(["a"] * 6, [row])).decode()
    assert text.startswith("\ufeff")
    assert text.splitlines()[1] == "-3,-12.50,123456789012345678.901,2026-11-01,,中文"
    (sheet,) = sheets(xlsx_file(["a"] * 6, [row]))
    assert sheet[6:] == ["number -3", "number -12.50", "text 123456789012345678.901", "number 46327", "text 中文"]


def test_an_instant_is_written_in_the_active_zone() -> None:
    at = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert b"2026-11-01 00:00:00+08:00" in b"".join(csv_lines(["at"], [[at]]))
    assert sheets(xlsx_file(["at"], [[at]]))[0][1] == "number 46327"


def test_a_full_sheet_is_followed_by_another(monkeypatch: Any) -> None:
    monkeypatch.setattr(exporting, "SHEET_ROWS", 3)
    found = sheets(xlsx_file(["n"], ([n] for n in range(5))))
    assert found == [
        ["text n", "number 0", "number 1"], ["text n", "number 2", "number 3"], ["text n", "number 4"],
    ]  # fmt: skip


def test_an_empty_table_has_its_head() -> None:
    assert sheets(xlsx_file(["n"], [])) == [["text n"]]


def test_rows_are_written_while_they_are_read_and_in_the_language_of_the_request() -> None:
    asked: list[int] = []

    def rows() -> Any:
        for number in range(2000):
            asked.append(number)
            yield [number, gettext("Yes")]

    with override("zh-hans"):
        response = table_response("csv", "月结", ["n", "yes"], rows())
    chunks = iter(response.streaming_content)
    next(chunks), next(chunks)
    assert 0 < len(asked) < 1000
    assert "是" in next(chunks).decode()
    assert "filename*=utf-8''%E6%9C%88%E7%BB%93.csv" in response["Content-Disposition"]
    book = table_response("xlsx", "close", ["n"], [[1]])
    assert book["Content-Type"].endswith("spreadsheetml.sheet")
    assert sheets(io.BytesIO(b"".join(book.streaming_content)))
