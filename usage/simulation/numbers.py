"""Telephone numbers that look like the region they come from."""

from __future__ import annotations

import random
from dataclasses import dataclass

MOBILE_PREFIXES = tuple(
    str(prefix)
    for first, after in ((131, 140), (147, 148), (150, 154), (155, 160), (172, 174), (175, 179), (180, 190), (198, 200))
    for prefix in range(first, after)
)


@dataclass(frozen=True)
class NumberRange:
    """Describe numbers in E.164 form: one of the prefixes, then so many free digits."""

    prefixes: tuple[str, ...]
    digits: int

    def draw(self, rng: random.Random) -> str:
        """Draw one number, such as `+8613812345678`."""
        prefix = self.prefixes[int(rng.random() * len(self.prefixes))]
        return f"{prefix}{int(rng.random() * 10**self.digits):0{self.digits}d}"


@dataclass(frozen=True)
class Region:
    """Describe where a subscriber lives: GB/T 2260 code, or ISO 3166 outside its reach."""

    code: str
    landline: NumberRange
    mobile: NumberRange


def _mainland(code: str, area: str, local_digits: int = 8) -> Region:
    # Local numbers start with 2 to 8; 1 and 9 belong to service numbers, 0 to the trunk prefix.
    landline = NumberRange(tuple(f"+86{area}{first}" for first in "2345678"), local_digits - 1)
    mobile = NumberRange(tuple(f"+86{prefix}" for prefix in MOBILE_PREFIXES), 8)
    return Region(code, landline, mobile)


def _abroad(code: str, landline: tuple[str, ...], mobile: tuple[str, ...], digits: int) -> Region:
    return Region(code, NumberRange(landline, digits), NumberRange(mobile, digits))


REGIONS: dict[str, Region] = {
    region.code: region
    for region in (
        _mainland("110000", "10"),  # Beijing
        _mainland("120000", "22"),  # Tianjin
        _mainland("210200", "411"),  # Dalian
        _mainland("230100", "451"),  # Harbin
        _mainland("310000", "21"),  # Shanghai
        _mainland("320100", "25"),  # Nanjing
        _mainland("320500", "512"),  # Suzhou
        _mainland("330100", "571"),  # Hangzhou
        _mainland("330200", "574"),  # Ningbo
        _mainland("330700", "579"),  # Jinhua with Yiwu
        _mainland("350200", "592", 7),  # Xiamen
        _mainland("370200", "532"),  # Qingdao
        _mainland("410100", "371"),  # Zhengzhou
        _mainland("420100", "27"),  # Wuhan
        _mainland("430100", "731"),  # Changsha
        _mainland("440100", "20"),  # Guangzhou
        _mainland("440300", "755"),  # Shenzhen
        _mainland("450100", "771", 7),  # Nanning
        _mainland("460100", "898"),  # Haikou
        _mainland("500000", "23"),  # Chongqing
        _mainland("510100", "28"),  # Chengdu
        _mainland("530100", "871"),  # Kunming
        _mainland("610100", "29"),  # Xi'an
        _mainland("650100", "991", 7),  # Urumqi
        _abroad("810000", ("+8522", "+8523"), ("+8525", "+8526", "+8529"), 7),  # Hong Kong
        _abroad("820000", ("+85328",), ("+85362", "+85366"), 6),  # Macau
        _abroad("SG", ("+656",), ("+658", "+659"), 7),
        _abroad("MY", ("+603",), ("+6012", "+6016", "+6017"), 7),
        # 555-01xx is the range the North American plan keeps for fiction.
        _abroad("US", ("+121255501", "+141555501"), ("+131055501", "+120655501"), 2),
    )
}


def national(number: str) -> str:
    """Write an E.164 number as a switch in mainland China shows it: `138…`, `021…`, `00852…`."""
    if not number.startswith("+86"):
        return "00" + number[1:] if number.startswith("+") else number
    rest = number[3:]
    # A mobile number has eleven digits from 13 on; everything else but 95xxx and 400 needs its trunk zero.
    is_mobile = len(rest) == 11 and rest[0] == "1" and rest[1] in "3456789"
    return rest if is_mobile or rest.startswith(("95", "400")) else "0" + rest
