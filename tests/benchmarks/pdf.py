"""Measure the PDF: an invoice of 30 lines by Typst, warm, against the same content by WeasyPrint in the same run.

``python -m tests.benchmarks pdf [--json] [--full]``. Each document differs in number, buyer and amounts, so that nothing
of it can be remembered. The baseline prints the same face, with the same font, from the hosted page's HTML. ``--full``
also prints 1, 100 and 1,000 lines, and issues and prints on both cores: invoices a second.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

from tests.benchmarks._comparing import median, options_of, report, seconds_of

LINES = 30
ROUNDS = 7
MANY = 60
FONT = "@font-face { font-family: Noto; src: url(%s) } html { font-family: Noto; font-size: 9pt } @page { size: A4; margin: 18mm }"


def document_of(number: int, lines: int = LINES) -> Any:
    """Write the stored document of an invoice that no other resembles in its figures."""
    from tests.golden_pictures import documents

    document = documents.invoice_of_lines(lines)
    document["number"] = f"HD-2026-{number:06}"
    document["buyer"]["name_zh"] = f"第{number}物流有限公司"
    return document


def by_typst(document: Any) -> bytes:
    """Print as the product does."""
    from invoices.rendering import render_pdf

    return render_pdf(document)


def by_weasyprint(document: Any) -> bytes:
    """Print the hosted page's HTML with its style sheet and the same font; both are read once, as a server would."""
    from weasyprint import HTML

    from invoices.rendering import render_page

    page = re.sub("<link [^>]*>", "", render_page(document))
    return bytes(HTML(string=page).write_pdf(stylesheets=_sheets(), font_config=_fonts()))


@cache
def _fonts() -> Any:
    from weasyprint.text.fonts import FontConfiguration

    return FontConfiguration()


@cache
def _sheets() -> list[Any]:
    from django.contrib.staticfiles import finders
    from pylopdf_fonts_zh_cn import sans_path
    from weasyprint import CSS

    font = CSS(string=FONT % sans_path().as_uri(), font_config=_fonts())
    return [CSS(filename=finders.find("invoices/page.css"), font_config=_fonts()), font]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = options_of(arguments, __doc__)
    _django()
    try:
        import weasyprint  # noqa: F401
    except OSError as missing:
        print(f"WeasyPrint, the baseline, needs Pango ({missing}): apt-get install libpangoft2-1.0-0", file=sys.stderr)
        return 2
    ours, theirs = [], []
    by_typst(document_of(0)), by_weasyprint(document_of(0))
    for number in range(1, ROUNDS + 1):
        document = document_of(number)
        theirs.append(seconds_of(lambda document=document: by_weasyprint(document)))  # type: ignore[misc]
        ours.append(seconds_of(lambda document=document: by_typst(document)))  # type: ignore[misc]
    more = _full() if options.full else {}
    value, baseline = median(ours) * 1000, median(theirs) * 1000
    report("pdf", "ms", value, baseline, baseline / value, as_json=options.json, **more)
    return 0


def _full() -> dict[str, Any]:
    found = {}
    for lines in (1, 100, 1000):
        documents = [document_of(number, lines) for number in range(5)]
        found[f"ms of {lines} lines"] = median([seconds_of(lambda d=d: by_typst(d)) for d in documents]) * 1000  # type: ignore[misc]
        print(f"  {lines} lines: {found[f'ms of {lines} lines']:.1f} ms")
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(_print_many, [range(2)] * cores))
        begun = time.perf_counter()
        list(pool.map(_print_many, [range(core * MANY, (core + 1) * MANY) for core in range(cores)]))
        found["printed a second"] = cores * MANY / (time.perf_counter() - begun)
    print(f"  {cores} processes: {found['printed a second']:.0f} invoices of {LINES} lines a second")
    return found


def _print_many(numbers: range) -> None:
    _django()
    for number in numbers:
        by_typst(document_of(number))


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")
    import django

    django.setup()
    for name in ("weasyprint", "weasyprint.progress", "fontTools"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
