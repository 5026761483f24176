"""What every page is held to, whatever it shows: nothing sticks out of it, and somebody can look at it afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def looked_at(page: Any, name: str) -> None:
    """Hold that the page is no wider than its window; keep its picture in the folder HUADAN_PICTURES names, if any."""
    if folder := os.environ.get("HUADAN_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0, f"{name} is {sideways} px wider than its window"
