"""Look a price up by dimensions."""

from __future__ import annotations

from billing.rating.terms import Matrix


def matching_cell(price: Matrix, values: dict[str, str]) -> int:
    """Find the cell for a row's values: the longest region prefix, then the most dimensions, then the first listed.

    The answer is the number of cells when none matches.
    """
    best, best_rank = len(price.cells), (-1, -1)
    for index, cell in enumerate(price.cells):
        if all(_fits(price, name, wanted, values.get(name, "")) for name, wanted in cell.where.items()):
            rank = (len(cell.where.get("region", "")), len(cell.where))
            if rank > best_rank:
                best, best_rank = index, rank
    return best


def _fits(price: Matrix, name: str, wanted: str, value: str) -> bool:
    if name == "region" and price.region_match == "prefix":
        return value.startswith(wanted)
    return value == wanted
