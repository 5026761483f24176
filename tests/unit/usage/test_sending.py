"""The sender against a real HTTP server that is slow, drops lines, pushes back and refuses."""

import base64
import contextlib
import json
import threading
import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from usage.management.commands.simulate_traffic import Command, per_second, percentage
from usage.sending import Patience, Post, SendingFailed, send, send_batches, send_freeswitch
from usage.sending.connection import retry_after
from usage.simulation import PRESETS, calls, to_freeswitch

BRISK = Patience(total=5, exchange=2, first_pause=0.01)
DROP = "drop the line"


class Receiver:
    """Answer by script first, then as the real server does: each call id is accepted once."""

    def __init__(self, *script):
        self.script = list(script)
        self.seen = set()
        self.requests = []
        self.connections = set()
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.answer(self, body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler, body):
        with self.lock:
            self.requests.append((handler.path, dict(handler.headers), body))
            self.connections.add(handler.client_address)
            step = self.script.pop(0) if self.script else None
        if step == DROP:
            self.take(handler, body)  # stored, but the answer is lost
            handler.close_connection = True
            return
        status, headers, text = step or (200, {}, json.dumps(self.take(handler, body)))
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    def take(self, handler, body):
        if "/freeswitch/" in handler.path or "/asterisk/" in handler.path:
            return {}
        records = json.loads(body)
        with self.lock:
            new = {record["call_id"] for record in records if "call_id" in record} - self.seen
            self.seen |= new
        return {
            "received": len(records),
            "accepted": len(new),
            "duplicates": len(records) - len(new),
            "conflicts": 0,
            "rejected": 0,
        }


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:

        def start(*script):
            receiver = Receiver(*script)
            thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(receiver.server.server_close)
            stack.callback(receiver.server.shutdown)
            return receiver

        yield start


def batches(count, size=10):
    return [[{"call_id": f"{n}-{i}"} for i in range(size)] for n in range(count)]


def test_batches_arrive_with_the_key_over_kept_connections(serve):
    receiver = serve()
    sent = send_batches(receiver.url, "hd_live_x", "东 pbx", batches(20), workers=2, patience=BRISK)
    assert (sent.received, sent.accepted, sent.requests, sent.retries) == (200, 200, 20, 0)
    assert len(receiver.connections) <= 2
    path, headers, _ = receiver.requests[0]
    assert path == "/api/v1/calls?source=%E4%B8%9C%20pbx"
    assert headers["Authorization"] == "Bearer hd_live_x"
    assert headers["Content-Type"] == "application/json"


def test_busy_answers_and_dropped_lines_are_repeated_and_nothing_counts_twice(serve):
    receiver = serve((503, {"Retry-After": "0"}, "busy"), DROP, (429, {}, ""), (502, {}, "proxy"), DROP)
    sent = send_batches(receiver.url, "k", "pbx", batches(6), patience=BRISK)
    assert sent.retries == 5
    assert sent.received == 60 == sent.accepted + sent.duplicates
    assert len(receiver.seen) == 60
    # Both lost answers may have been the same batch's.
    assert sent.duplicates in {10, 20}, "what was stored before its answer was lost counts once"


def test_sending_everything_again_changes_nothing(serve):
    receiver = serve()
    send_batches(receiver.url, "k", "pbx", batches(3), patience=BRISK)
    again = send_batches(receiver.url, "k", "pbx", batches(3), patience=BRISK)
    assert (again.accepted, again.duplicates) == (0, 30)


def test_retry_after_is_waited_for(serve):
    receiver = serve((503, {"Retry-After": "1"}, ""))
    sent = send_batches(receiver.url, "k", "pbx", batches(1), patience=BRISK)
    assert 1 <= sent.seconds < 3


def test_both_spellings_of_retry_after_are_read():
    assert retry_after("7") == 7
    assert retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30))) == pytest.approx(30, abs=2)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_a_wish_to_wait_beyond_the_patience_ends_it_at_once(serve):
    receiver = serve((503, {"Retry-After": "3600"}, "maintenance"))
    began = time.monotonic()
    with pytest.raises(SendingFailed, match=r"gave up .* 503 maintenance"):
        send_batches(receiver.url, "k", "pbx", batches(1), patience=BRISK)
    assert time.monotonic() - began < 2


def test_a_server_that_stays_away_is_reported_within_the_patience(serve):
    receiver = serve()
    url = receiver.url.rsplit(":", 1)[0] + ":1"
    began = time.monotonic()
    with pytest.raises(SendingFailed, match="ConnectionRefusedError"):
        send_batches(url, "k", "pbx", batches(50), patience=Patience(total=0.5, first_pause=0.05))
    assert time.monotonic() - began < 3


def test_a_final_refusal_stops_the_job_with_the_servers_words(serve):
    receiver = serve((401, {}, '{"code": "unknown-key"}'))
    with pytest.raises(SendingFailed, match="unknown-key"):
        send_batches(receiver.url, "k", "pbx", batches(200), workers=1, patience=BRISK)
    assert len(receiver.requests) < 5


def test_refusals_are_counted_where_faults_are_sent_on_purpose(serve):
    receiver = serve((422, {}, "broken"))
    posts = [Post("/api/v1/calls", json.dumps(batch).encode(), "application/json", 10) for batch in batches(2)]
    sent = send(receiver.url, posts, workers=1, patience=BRISK, tolerate_refusals=True)
    assert (sent.refused, sent.received) == (10, 10)


def test_redirects_are_not_followed(serve):
    receiver = serve((302, {"Location": "/login"}, ""))
    with pytest.raises(SendingFailed, match="302"):
        send_batches(receiver.url, "k", "pbx", batches(1), patience=BRISK)


def test_progress_grows_to_the_final_counts_and_its_failure_ends_the_job(serve):
    receiver = serve()
    seen = []
    sent = send_batches(receiver.url, "k", "pbx", batches(8), patience=BRISK, on_progress=seen.append)
    assert [step.requests for step in seen] == list(range(1, 9))
    assert seen[-1].accepted == sent.accepted == 80
    with pytest.raises(ZeroDivisionError):
        send_batches(receiver.url, "k", "pbx", batches(8), patience=BRISK, on_progress=lambda _: 1 / 0)


def test_a_generator_that_breaks_breaks_the_job_and_leaves_no_thread(serve):
    receiver = serve()

    def broken():
        yield from batches(2)
        raise LookupError("no more")

    with pytest.raises(LookupError):
        send_batches(receiver.url, "k", "pbx", broken(), patience=BRISK)
    assert not [thread.name for thread in threading.enumerate() if "_work" in thread.name]


def test_batches_are_made_only_a_few_ahead_of_the_server(serve):
    receiver = serve((503, {"Retry-After": "1"}, ""))
    made = []

    def counted():
        for batch in batches(100, size=1):
            made.append(batch)
            yield batch

    threading.Timer(0.5, lambda: made.append(f"{len(made)} made")).start()
    send_batches(receiver.url, "k", "pbx", counted(), workers=1, patience=BRISK)
    [note] = [step for step in made if isinstance(step, str)]
    assert int(note.split()[0]) <= 5


def test_a_rate_is_kept(serve):
    receiver = serve()
    sent = send_batches(receiver.url, "k", "pbx", batches(6), rate=50, patience=BRISK)
    assert 0.95 <= sent.seconds < 2, "the last of 60 records leaves after one second"


def test_wrong_addresses_and_options_are_refused_before_anything_is_sent():
    with pytest.raises(ValueError, match="ftp"):
        send("ftp://example.com", [])
    with pytest.raises(ValueError, match="worker"):
        send("http://127.0.0.1:1", [], workers=0)


def test_switch_documents_go_one_by_one_with_their_uuid_and_basic_credentials(serve):
    receiver = serve((503, {}, ""))
    zone = ZoneInfo("Asia/Shanghai")
    made = list(calls(PRESETS["freight"], date(2026, 9, 8), date(2026, 9, 9), zone, 7))
    sent = send_freeswitch(
        receiver.url + "/", "hd_live_x", "pbx", (to_freeswitch(call, zone) for call in made), patience=BRISK
    )
    assert sent.received == len(made)
    assert len(receiver.requests) == len(made) + 1
    paths = {path for path, _, _ in receiver.requests}
    assert paths == {f"/api/v1/cdr/freeswitch/pbx?uuid={call.call_id}" for call in made}
    _, headers, body = receiver.requests[0]
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).endswith(b":hd_live_x")
    assert json.loads(body)["callflow"]


def simulate(url, *extra):
    out = StringIO()
    arguments = ["--url", url, "--key", "k", "--source", "pbx", "--from", "2026-09-07", "--to", "2026-09-10"]
    call_command(Command(), *arguments, "--json", "--patience", "2", *extra, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_posts_and_its_books_match_the_server(serve):
    receiver = serve()
    books = simulate(receiver.url, "--duplicates", "10", "--faults", "2%", "--disorder", "5", "--seed", "7")
    assert books["calls"] == books["months"]["2026-09"]["calls"] > 300
    server = books["server"]
    assert server["received"] == books["calls"] + books["duplicates"] + sum(books["faults"].values())
    expected = calls(PRESETS["express"], date(2026, 9, 7), date(2026, 9, 10), ZoneInfo("Asia/Shanghai"), 7)
    assert {call.call_id for call in expected} <= receiver.seen


def test_the_command_speaks_for_people_and_in_other_formats(serve):
    receiver = serve()
    out = StringIO()
    arguments = ["--url", receiver.url, "--key", "k", "--source", "pbx", "--format", "freeswitch"]
    dates = ["--from", "2026-09-30", "--to", "2026-10-02", "--profile", "freight", "--body", "base64"]
    call_command(Command(), *arguments, *dates, stdout=out)
    assert "2026-09  " in out.getvalue()
    assert "2026-10  " in out.getvalue()
    assert receiver.requests[0][2].startswith(b"cdr=")


def test_the_command_says_in_a_sentence_what_is_wrong(serve):
    receiver = serve((403, {}, "no scope"))
    with pytest.raises(CommandError, match="no scope"):
        simulate(receiver.url)
    with pytest.raises(CommandError, match="must lie before"):
        simulate(receiver.url, "--to", "2026-09-01")
    with pytest.raises(CommandError, match="percentage"):
        simulate(receiver.url, "--duplicates", "many")
    assert (percentage("2%"), per_second("200/s")) == (2, 200)
