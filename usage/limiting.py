"""How fast one key may post: a bucket of tokens per key, in each process.

In the process and not in Redis: a limit protects this process's threads and database connection, costs nothing here
and a round trip there, and goes on working when Redis is wiped or dead. With W processes a key may reach W times the
rate at most: docs/decisions/0022.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from billing.errors import Refused


class TooFast(Refused):
    """The key posts faster than it may; ``wait`` says in how many seconds to try again."""

    status = 429

    def __init__(self, wait: float) -> None:
        super().__init__("too_fast", f"This key posts too fast; try again in {wait:.1f} s. Nothing was stored.")
        self.wait = wait


@dataclass(slots=True)
class Bucket:
    """What is left for one key, and when that was worked out."""

    tokens: float
    at: float


class Limiter:
    """Let ``per_second`` records through for each key on average, and ``burst`` at once."""

    def __init__(self, per_second: float, burst: float, *, most_keys: int = 10_000) -> None:
        self.per_second, self.burst = per_second, burst
        self.most_keys = most_keys
        self._buckets: dict[int, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key_id: int, records: int, clock: float) -> None:
        """Take a delivery's records out of a key's bucket at a moment of a steady clock, in seconds. Raises TooFast.

        A delivery larger than a whole bucket passes when the bucket is full, and leaves a debt.
        """
        with self._lock:
            bucket = self._buckets.get(key_id)
            if bucket is None:
                if len(self._buckets) >= self.most_keys:
                    self._buckets.clear()
                bucket = self._buckets[key_id] = Bucket(self.burst, clock)
            bucket.tokens = min(self.burst, bucket.tokens + max(clock - bucket.at, 0) * self.per_second)
            bucket.at = clock
            missing = min(records, self.burst) - bucket.tokens
            if missing > 1e-9:
                raise TooFast(missing / self.per_second)
            bucket.tokens -= records
