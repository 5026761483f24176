"""Post calls over HTTP and take no for an answer only when it is meant.

Sending again is always safe: the receiver keeps each call once, so a sender that was stopped starts over
and the duplicates count for nothing.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from usage.sending.connection import Connection, Post, retry_after

__all__ = [
    "Patience",
    "Post",
    "SendingFailed",
    "Sent",
    "basic",
    "bearer",
    "freeswitch_path",
    "freeswitch_post",
    "send",
    "send_batches",
    "send_freeswitch",
]

# Whatever these mean, they mean not now. 500 is among them as a switch sees it: anything but 200 is spooled.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE = 5.0


class SendingFailed(Exception):
    """Say which request could not be delivered, and the last answer or error it met."""


@dataclass(frozen=True)
class Patience:
    """Bound how long one request is tried: in total, and each exchange, in seconds."""

    total: float = 120
    exchange: float = 30
    first_pause: float = 0.1


@dataclass(frozen=True)
class Sent:
    """Count records by what the server said of them. `received` covers every answer of 2xx.

    `refused` counts the records of posts answered with a final 4xx, where those are tolerated; `retries`
    counts exchanges that had to be repeated; `seconds` is wall time.
    """

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    refused: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0


OnProgress = Callable[[Sent], None]


def bearer(key: str) -> str:
    """Return the Authorization header of the native doors."""
    return f"Bearer {key}"


def basic(key: str, user: str = "huadan") -> str:
    """Return the Authorization header a switch makes from its `cred`: the key is the password."""
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode("ascii")


def send_batches(
    url: str,
    key: str,
    source: str,
    batches: Iterable[Sequence[Mapping[str, Any]]],
    *,
    workers: int = 2,
    patience: Patience | None = None,
    rate: float | None = None,
    on_progress: OnProgress | None = None,
) -> Sent:
    """Post batches of native records as JSON arrays, at most 5,000 records each.

    `url` is the server's base address; the options are those of `send`. Raises SendingFailed.
    """
    path = f"/api/v1/calls?source={quote(source, safe='')}"
    header = bearer(key)
    posts = (
        Post(path, json.dumps(batch, ensure_ascii=False).encode(), "application/json", len(batch), header)
        for batch in batches
    )
    return send(url, posts, workers=workers, patience=patience, rate=rate, on_progress=on_progress)


def send_freeswitch(
    url: str,
    key: str,
    source: str,
    calls: Iterable[Mapping[str, Any]],
    *,
    workers: int = 4,
    patience: Patience | None = None,
    rate: float | None = None,
    on_progress: OnProgress | None = None,
) -> Sent:
    """Post mod_json_cdr documents one by one, as a switch does, raw JSON, HTTP Basic.

    The options are those of `send`. Raises SendingFailed.
    """
    header = basic(key)
    posts = (freeswitch_post(source, document, header) for document in calls)
    return send(url, posts, workers=workers, patience=patience, rate=rate, on_progress=on_progress)


def freeswitch_post(source: str, document: Mapping[str, Any], authorization: str) -> Post:
    """Make the request a switch makes of one document; the identity travels in the query as well."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    call_id = document.get("variables", {}).get("uuid", "")
    return Post(freeswitch_path(source, call_id), body, "application/json", 1, authorization)


def freeswitch_path(source: str, call_id: str) -> str:
    """Return the door's path for one document."""
    return f"/api/v1/cdr/freeswitch/{quote(source, safe='')}?uuid={quote(call_id, safe='')}"


def send(
    url: str,
    posts: Iterable[Post],
    *,
    workers: int = 2,
    patience: Patience | None = None,
    rate: float | None = None,
    tolerate_refusals: bool = False,
    on_progress: OnProgress | None = None,
) -> Sent:
    """Post everything over `workers` keep-alive connections and return the counts.

    Reads `posts` in the calling thread, a few ahead of the workers, at `rate` records a second if given.
    Waits and repeats on broken connections and passing answers, honouring Retry-After. `on_progress` gets
    the running counts after each post, never from two threads at once. Raises ValueError for a wrong
    address or option, SendingFailed when one post stays undeliverable within its patience or is refused for
    good; what was sent before stays sent.
    """
    if workers < 1 or (rate is not None and rate <= 0):
        raise ValueError("sending needs at least one worker, and a rate above zero or none")
    patience = patience or Patience()
    job = _Job(patience, tolerate_refusals, on_progress, queue.Queue(maxsize=workers * 2))
    lines = [Connection(url, patience.exchange) for _ in range(workers)]
    threads = [threading.Thread(target=_work, args=(job, line), daemon=True) for line in lines]
    for thread in threads:
        thread.start()
    try:
        _feed(job, posts, rate)
    except BaseException:
        job.stop.set()
        raise
    finally:
        for _ in threads:
            _put(job, None)
        for thread in threads:
            thread.join()
    if job.error is not None:
        raise job.error
    return job.snapshot()


@dataclass
class _Job:
    """Share between threads what is to be sent and what became of it."""

    patience: Patience
    tolerate_refusals: bool
    on_progress: OnProgress | None
    waiting: queue.Queue[Post | None]
    started: float = field(default_factory=time.monotonic)
    sent: Sent = field(default_factory=Sent)
    error: BaseException | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def snapshot(self) -> Sent:
        return replace(self.sent, seconds=time.monotonic() - self.started)

    def count(self, **more: int) -> None:
        with self.lock:
            self.sent = replace(self.sent, **{name: getattr(self.sent, name) + n for name, n in more.items()})
            if self.on_progress is not None and "requests" in more:
                self.on_progress(self.snapshot())

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.error = self.error or error
        self.stop.set()


def _feed(job: _Job, posts: Iterable[Post], rate: float | None) -> None:
    records = 0
    for post in posts:
        if rate is not None:
            # Held against the start, not the last post: a slow stretch is made up for.
            job.stop.wait(max(0.0, job.started + records / rate - time.monotonic()))
        if job.stop.is_set():
            return
        _put(job, post)
        records += post.records


def _put(job: _Job, post: Post | None) -> None:
    while not job.stop.is_set():
        try:
            job.waiting.put(post, timeout=0.2)
        except queue.Full:
            continue
        return


def _work(job: _Job, line: Connection) -> None:
    try:
        while not job.stop.is_set():
            try:
                post = job.waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            if post is None:
                return
            _deliver(job, line, post)
    except BaseException as error:  # noqa: BLE001 - the calling thread raises it
        job.fail(error)
    finally:
        line.close()


def _deliver(job: _Job, line: Connection, post: Post) -> None:
    deadline = time.monotonic() + job.patience.total
    pause = job.patience.first_pause
    while not job.stop.is_set():
        try:
            status, headers, body = line.exchange(post)
        except (OSError, http.client.HTTPException) as error:
            wait, trouble = None, f"{type(error).__name__}: {error}"
        else:
            if status not in PASSING:
                _settle(job, post, status, body)
                return
            wait, trouble = retry_after(headers.get("Retry-After")), _excerpt(status, body)
        if wait is None:
            # Spread out, so that workers refused together do not come back together.
            wait = pause * random.uniform(0.5, 1)  # noqa: S311 - no secret # nosec B311
            pause = min(pause * 2, LONGEST_PAUSE)
        if time.monotonic() + wait > deadline:
            raise SendingFailed(f"gave up on {_name(post)} after {job.patience.total:g} s: {trouble}")
        job.count(retries=1)
        job.stop.wait(wait)


def _settle(job: _Job, post: Post, status: int, body: bytes) -> None:
    if 200 <= status < 300:
        counts = _outcomes(body)
        job.count(**{"received": post.records, **counts, "requests": 1})
    elif 400 <= status < 500 and job.tolerate_refusals and status not in (401, 403, 404):
        job.count(refused=post.records, requests=1)
    else:
        raise SendingFailed(f"{_name(post)} was refused: {_excerpt(status, body)}")


def _outcomes(body: bytes) -> dict[str, int]:
    """Read the counts of an answer; one without (a switch's door may say nothing) gives none."""
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(answer, dict):
        return {}
    names = ("received", "accepted", "duplicates", "conflicts", "rejected")
    return {name: answer[name] for name in names if isinstance(answer.get(name), int)}


def _name(post: Post) -> str:
    return f"POST {post.path} ({post.records} records)"


def _excerpt(status: int, body: bytes) -> str:
    return f"{status} {body[:300].decode(errors='replace')}".strip()
