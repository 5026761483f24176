from __future__ import annotations

from billing.rating import remembering
from billing.rating.remembering import remembered


def table_of(*numbers: int) -> tuple[int, ...]:
    """Make a new object each time, which a tuple written down would not be."""
    return numbers


def test_the_same_object_is_made_ready_once_and_an_equal_one_by_itself() -> None:
    made: list[tuple[int, ...]] = []

    @remembered
    def ready(table: tuple[int, ...]) -> list[int]:
        made.append(table)
        return sorted(table)

    one, equal = table_of(3, 1), table_of(3, 1)
    assert ready(one) is ready(one)
    assert ready(equal) is not ready(one)
    assert made == [one, equal]


def test_an_identity_is_never_passed_on_to_another_object() -> None:
    ready = remembered(list)
    assert [ready(table_of(number)) for number in range(50)] == [[number] for number in range(50)]


def test_what_is_remembered_has_a_limit() -> None:
    ready, tables = remembered(list), [table_of(number) for number in range(remembering.KEPT + 1)]
    first = ready(tables[0])
    for table in tables:
        ready(table)
    assert ready(tables[0]) is not first
    assert ready(tables[-1]) is ready(tables[-1])
