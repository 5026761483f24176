"""Turn talk into billed seconds."""

from __future__ import annotations

from collections.abc import Sequence

from billing.rating.terms import DurationRule


def billed_seconds(rule: DurationRule, talk_ms: int, *, reported_s: int | None = None) -> int:
    """Give the billed seconds of one answered call that talked for ``talk_ms``.

    ``reported_s`` are the source's own seconds; needed when the rule's basis is ``reported``.
    """
    return laddered(rule, counted_seconds(rule, talk_ms, reported_s=reported_s))


def counted_seconds(rule: DurationRule, talk_ms: int, *, reported_s: int | None = None) -> int:
    """Give the talk in whole seconds by the rule's basis, free threshold and minimum, before increments."""
    seconds = _by_basis(rule, talk_ms, reported_s)
    if seconds == 0 or seconds < rule.free_below_s:
        return 0
    return max(seconds, rule.minimum_s)


def _by_basis(rule: DurationRule, talk_ms: int, reported_s: int | None) -> int:
    if talk_ms < 0:
        raise ValueError("talk is never negative")
    if rule.basis == "reported":
        if reported_s is None:
            raise ValueError("the rule bills reported seconds, and the call reports none")
        return reported_s
    return talk_ms // 1000 if rule.basis == "exact-floor" else -(-talk_ms // 1000)


def laddered(rule: DurationRule, seconds: int) -> int:
    """Round up to the first increment, then to whole next increments; nothing stays nothing."""
    first, following = rule.first_increment_s, rule.next_increment_s
    if seconds <= 0:
        return 0
    if seconds <= first:
        return first
    return first + -(-(seconds - first) // following) * following


def billed_pieces(
    rules: Sequence[DurationRule], talks_ms: Sequence[int], *, reported_s: int | None = None
) -> list[int]:
    """Give the billed seconds of the pieces of one call, cut at band edges, each by the rule of its band.

    Each piece is rounded up to its own increment and the excess is taken from the next piece. Basis, free
    threshold and minimum are asked of the whole call by the first piece's rule; what they add or take away falls
    on the last piece. The first increment opens the call, later pieces go by next increments.
    """
    whole_s = counted_seconds(rules[0], sum(talks_ms), reported_s=reported_s)
    if whole_s == 0:
        return [0] * len(talks_ms)
    billed, covered_ms, passed_ms = [], 0, 0
    for rule, piece_ms in zip(rules, _fitted(talks_ms, whole_s * 1000), strict=True):
        passed_ms += piece_ms
        lacking_ms = passed_ms - covered_ms
        seconds = _piece(rule, lacking_ms, opens=covered_ms == 0)
        billed.append(seconds)
        covered_ms += seconds * 1000
    return billed


def _piece(rule: DurationRule, lacking_ms: int, *, opens: bool) -> int:
    if lacking_ms <= 0:
        return 0
    if opens:
        return laddered(rule, -(-lacking_ms // 1000))
    increment_ms = rule.next_increment_s * 1000
    return -(-lacking_ms // increment_ms) * rule.next_increment_s


def _fitted(talks_ms: Sequence[int], whole_ms: int) -> list[int]:
    pieces, left = [], whole_ms
    for talk_ms in talks_ms[:-1]:
        pieces.append(min(talk_ms, left))
        left -= pieces[-1]
    return [*pieces, left]
