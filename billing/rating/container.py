"""The container of an evidence bundle: packed in one way only, so that nothing hides between its members."""

from __future__ import annotations

import zipfile
from typing import Any, BinaryIO

from billing.rating.bundle import MEMBERS, repack


class Differs(Exception):
    """Something in the bundle is not as it should be: ``where``, what is ``stated``, and what was ``found``."""

    def __init__(self, where: str, stated: object, found: object) -> None:
        super().__init__(f"{where}: {stated} ≠ {found}")
        self.where = where


def same(where: str, stated: object, found: object) -> None:
    """Compare what is stated with what was found. Raises Differs."""
    if stated != found:
        raise Differs(where, stated, found)


class Comparing:
    """A file to write to that must already hold, byte for byte, what is written."""

    def __init__(self, original: BinaryIO) -> None:
        self.original, self.position = original, 0

    def write(self, part: Any) -> int:
        """Compare the next bytes."""
        wanted = bytes(part)
        there = self.original.read(len(wanted))
        if there != wanted:
            at = next((i for i, (a, b) in enumerate(zip(there, wanted, strict=False)) if a != b), len(there))
            raise Differs("container", f"byte {self.position + at}", "changed, or not written by Huadan")
        self.position += len(wanted)
        return len(wanted)

    def flush(self) -> None:
        """Have nothing to flush."""


def check_container(file: BinaryIO) -> None:
    """Pack the members again and compare: nothing is hidden between them, before or behind."""
    try:
        with zipfile.ZipFile(file) as archive, open(file.name, "rb") as original:  # noqa: PTH123 - its own position
            same("container: members", list(MEMBERS), archive.namelist())
            repack(archive, Comparing(original))  # type: ignore[arg-type]
            same("container: bytes behind the end", b"", original.read(1))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, UnicodeError, RuntimeError, OSError) as fault:
        raise Differs("container", "a ZIP file", fault) from None
