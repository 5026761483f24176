"""Price a month from files: ``python -m billing.rating price terms.json totals.json [--lang zh|en] [--json]``."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from billing.errors import Refused
from billing.rating.bill import Bill, Line
from billing.rating.engine import rate
from billing.rating.exact import exact
from billing.rating.explain import explain, names_of
from billing.rating.figures import number, unit_name
from billing.rating.lint import lint
from billing.rating.schema import schema_of_everything
from billing.rating.terms import Name, Terms
from billing.rating.totals import Totals

WORDS = {
    "zh": {
        "line": "账单行",
        "quantity": "计费量",
        "unit": "单位",
        "price": "单价",
        "amount": "金额",
        "net": "不含税合计",
        "tax": "税额",
        "total": "应付合计",
        "uncovered": "未计费用量（需人工处理）",
        "balance": "套餐包余额",
    },
    "en": {
        "line": "line",
        "quantity": "billed",
        "unit": "unit",
        "price": "price",
        "amount": "amount",
        "net": "net",
        "tax": "tax",
        "total": "total",
        "uncovered": "uncovered usage (a person must decide)",
        "balance": "package balance",
    },
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answer with the exit status: 0 done, 1 findings, 2 refused."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except Refused as refusal:
        print(f"{refusal.pointer or '/'}: {refusal.message}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m billing.rating", description=__doc__)
    commands = parser.add_subparsers(required=True)
    price = commands.add_parser("price", help="print the bill of a month")
    price.add_argument("terms", type=Path)
    price.add_argument("totals", type=Path)
    price.add_argument("--lang", choices=("zh", "en"), default="zh")
    price.add_argument("--json", action="store_true", help="print the bill as JSON")
    price.set_defaults(run=_price)
    check = commands.add_parser("lint", help="point out faults and surprises in terms")
    check.add_argument("terms", type=Path)
    check.add_argument("--lang", choices=("zh", "en"), default="zh")
    check.set_defaults(run=_lint)
    schema = commands.add_parser("schema", help="print the JSON Schema of terms, totals and bills")
    schema.set_defaults(run=_schema)
    return parser


def _price(options: argparse.Namespace) -> int:
    terms = Terms.from_json(_load(options.terms))
    bill = rate(terms, Totals.from_json(_load(options.totals)))
    names = names_of(terms)
    told = (
        json.dumps(bill.to_json(), ensure_ascii=False, indent=2) if options.json else table(bill, options.lang, names)
    )
    print(told)
    return 0


def _lint(options: argparse.Namespace) -> int:
    findings = lint(Terms.from_json(_load(options.terms)))
    for finding in findings:
        print(f"{finding.severity} {finding.code} {finding.pointer}: {getattr(finding, options.lang)}")
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(schema_of_everything(), ensure_ascii=False, indent=2))
    return 0


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_float=str)


def table(bill: Bill, language: str, names: Mapping[str, Name] | None = None) -> str:
    """Print a bill as a table, each line followed by its arithmetic; ``names`` are those of the clauses by code."""
    words = WORDS[language]
    rows = [[words[name] for name in ("line", "quantity", "unit", "price", "amount")]]
    rows += [_cells(line, language) for line in bill.lines]
    widths = [max(width(row[column]) for row in rows) for column in range(5)]
    printed = [_row(rows[0], widths), "─" * (sum(widths) + 8)]
    for row, line in zip(rows[1:], bill.lines, strict=True):
        sentence = getattr(explain(line, bill.currency, names), language)
        printed += [_row(row, widths), f"    {sentence}"]
    printed.append("─" * (sum(widths) + 8))
    printed += [f"{words['net']} {bill.net} {bill.currency}"]
    printed += [f"{words['tax']} {exact(row.rate) * 100}%: {row.tax}" for row in bill.taxes]
    printed += [f"{words['total']} {bill.total} {bill.currency}"]
    printed += [f"{words['uncovered']}: {each.meter} {each.calls} {each.reason}" for each in bill.uncovered]
    printed += [f"{words['balance']}: {each.package} {each.remaining} {each.unit}" for each in bill.balances]
    return "\n".join(printed)


def _cells(line: Line, language: str) -> list[str]:
    quantity = "" if line.quantity_billed is None else number(exact(line.quantity_billed))
    unit = unit_name(line.unit, exact(line.quantity_billed or 0), 0 if language == "zh" else 1)
    return [line.key, quantity, unit, "" if line.unit_price is None else f"{line.unit_price:f}", f"{line.amount:,f}"]


def _row(cells: list[str], widths: list[int]) -> str:
    padded = [cells[0] + " " * (widths[0] - width(cells[0]))]
    padded += [" " * (widths[column] - width(cells[column])) + cells[column] for column in range(1, 5)]
    return "  ".join(padded)


def width(text: str) -> int:
    """Count the columns of a text; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


if __name__ == "__main__":
    sys.exit(main())
