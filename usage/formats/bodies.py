"""Bodies as they travel: unpacked within bounds, however small a bomb looks, and written in UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib

import zstandard

from billing.errors import Refused

MAX_BYTES = 16 * 1024 * 1024
CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
CHINESE = {"gb2312", "gbk", "gb18030"}  # each is within GB 18030, and senders say one for the other
CHARSETS = CHINESE | {"big5", "utf-16", "utf-16-le", "utf-16-be", "shift_jis", "euc_jp", "euc_kr"}
WESTERN = {"ascii", "iso8859-1", "cp1252"}  # what clients say by default, whatever they send
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
ZSTD_STEP = 256  # bytes at a time: a block of 4 bytes may unpack to 128 KiB


class BodyTooLarge(Refused):
    """The body is larger than a request may be, before or after unpacking."""

    status = 413


class UnknownEncoding(Refused):
    """The body is packed in a way nobody here unpacks."""

    status = 415


class BrokenEncoding(Refused):
    """The body is not what its Content-Encoding says."""


def unpack(body: bytes, encoding: str) -> bytes:
    """Return a body without its content encoding; at most 16 MiB are ever unpacked.

    Raises BodyTooLarge, UnknownEncoding, or BrokenEncoding for a body that is not what its header says.
    """
    if len(body) > MAX_BYTES:
        raise _too_large()
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        if name in {"gzip", "x-gzip"}:
            body = _gunzip(body)
        elif name == "zstd":
            body = _unzstd(body)
        elif name != "identity":
            raise UnknownEncoding("unknown_encoding", f"Content-Encoding “{name[:20]}” is not known; use gzip or zstd.")
    return body


def as_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text in UTF-8 without a byte order mark, from the charset that its mark or its Content-Type names.

    UTF-8 that is broken stays as it is. Raises UnknownEncoding for a charset nobody here reads, and BrokenEncoding for a
    body that is not in its own.
    """
    if mark := next((mark for mark in MARKS if body.startswith(mark)), b""):
        return body.removeprefix(mark) if MARKS[mark] == "utf-8" else _from(MARKS[mark], body)
    named = CHARSET.search(content_type)
    if not named:
        return body
    try:
        name = codecs.lookup(named[1]).name
    except LookupError:
        name = ""
    if name == "utf-8":
        return body
    if name in WESTERN:
        return body if _is_utf8(body) else _from("cp1252", body)
    if name not in CHARSETS:
        raise UnknownEncoding("unknown_charset", f"The charset “{named[1]}” is not known; send UTF-8.")
    return _from("gb18030" if name in CHINESE else name, body)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _from(charset: str, body: bytes) -> bytes:
    try:
        return body.decode(charset).encode()
    except UnicodeError:
        raise BrokenEncoding("broken_charset", f"The body is not in the charset that it names ({charset}).") from None


def _gunzip(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            found = packed.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise BrokenEncoding("broken_encoding", "The body is not gzip, or is cut short.") from None
    if len(found) > MAX_BYTES:
        raise _too_large()
    return found


def _unzstd(body: bytes) -> bytes:
    # A frame may ask for gigabytes of window; 16 MiB is more than any honest body needs.
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES)
    found, at = bytearray(), 0
    try:
        while at < len(body):
            frame = unpacker.decompressobj()
            while at < len(body) and not frame.eof:
                found += frame.decompress(body[at : at + ZSTD_STEP])
                at += ZSTD_STEP
                if len(found) > MAX_BYTES:
                    raise _too_large()
            if not frame.eof:
                break
            at = min(at, len(body)) - len(frame.unused_data)
    except zstandard.ZstdError:
        raise BrokenEncoding("broken_encoding", "The body is not zstd.") from None
    if at != len(body):
        raise BrokenEncoding("broken_encoding", "The body is cut short: its zstd frame does not end.")
    return bytes(found)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge("body_too_large", "The body is larger than 16 MiB; send it in parts.")
