"""Text files of any encoding as numbered lines: nothing in them stops the reading."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import zstandard

HEAD_BYTES = 64 * 1024
LINE_LIMIT = 16 * 1024 * 1024
"""Characters; a longer line is skipped and reported."""

TOO_LONG = f"the line is longer than {LINE_LIMIT:,} characters"

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_WINDOW = 1 << 31
"""Bytes of the past that a zstandard file may refer to; the monthly dumps of Reddit are packed with this much."""

READ_ERRORS = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What a damaged or vanishing file raises while it is read (gzip's BadGzipFile is an OSError)."""

# What a file that is not Unicode may be in: the code pages in wide use, where charset-normalizer alone would also
# propose dozens that nobody has.
CODE_PAGES = [f"cp{number}" for number in (1252, 1250, 1251, 1253, 1254, 1255, 1256, 932, 949)]
CODE_PAGES += ["koi8_r", "euc_jp", "gb18030", "big5"]
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Error handler: bytes that are not UTF-8 are read as Windows-1252, so one stray row does not lose the rest."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    text = bad.decode("cp1252", "replace") if error.encoding.startswith("utf-8") else "\ufffd"
    return text, error.end


codecs.register_error("feedscope-cp1252", _as_cp1252)


class _Unbuffered(io.RawIOBase):
    """A gzip stream that gives what it could unpack before the place where the file breaks off."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_bytes(path: Path) -> io.BufferedReader:
    """The file's bytes, unpacked where it is a gzip or zstandard file by its magic number."""
    stream = path.open("rb")
    magic = stream.peek(4)[:4]
    if magic[:2] == GZIP_MAGIC:
        stream.close()
        return io.BufferedReader(_Unbuffered(gzip.open(path, "rb")))
    if magic == ZSTD_MAGIC:
        unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        reader = unpacker.stream_reader(stream, read_across_frames=True, closefd=True)
        return io.BufferedReader(cast(io.RawIOBase, reader))
    return stream


def read_head(path: Path) -> bytes:
    """The first 64 KiB, unpacked. A packed file that breaks off gives what could be read."""
    head = bytearray()
    with open_bytes(path) as stream:
        while len(head) < HEAD_BYTES:
            try:
                chunk = stream.read1(min(8192, HEAD_BYTES - len(head)))
            except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError):
                break
            if not chunk:
                break
            head += chunk
    return bytes(head)


def detect_encoding(head: bytes) -> str:
    """The encoding's Python name: by its mark, by NULs in every other byte, UTF-8 where most of it is, and else the
    code page that charset-normalizer finds, Windows-1252 winning ties."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if len(head) >= 8:
        even, odd = head[0::2].count(0) * 2 / len(head), head[1::2].count(0) * 2 / len(head)
        if max(even, odd) > 0.4 and min(even, odd) < 0.1:
            return "utf-16-le" if odd > even else "utf-16-be"
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    broken = text.count("\ufffd")
    if broken == 0 or broken <= sum(char > "\x7f" for char in text) // 2:
        return "utf-8"
    return _code_page(head)


def _code_page(head: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(head, cp_isolation=CODE_PAGES))
    for match in matches:
        if match.chaos <= matches[0].chaos and "cp1252" in match.could_be_from_charset:
            return "cp1252"
    return matches[0].encoding if matches else "cp1252"


def decode_head(head: bytes) -> tuple[str, str]:
    """(encoding, text) of a file's beginning; a character cut at the end is left out."""
    encoding = detect_encoding(head)
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("feedscope-cp1252"), translate=True)
    return encoding, decoder.decode(head).replace("\x00", "")


def open_text(path: Path, encoding: str) -> TextIO:
    """The file as text with ``\\n`` line ends. Undecodable bytes never raise."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors="feedscope-cp1252", newline=None)


class RecordTooLong(Exception):
    """The lines taken since the last mark are together longer than the limit of one line."""


class Lines(Iterator[str]):
    """The lines of a text stream, with their number, the lines taken since :meth:`mark`, and a way to push lines back.

    NULs are removed. Taking more than the limit of one line since the mark raises RecordTooLong. A line over the limit
    is dropped and its number kept for :meth:`drain_too_long`. Where the stream breaks off with an error, the lines end
    and ``broken`` says why.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pushed: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        self._taken_chars = 0
        self._too_long: list[int] = []
        self.broken: str | None = None

    def __next__(self) -> str:
        line = self._pushed.popleft() if self._pushed else self._read()
        self.number += 1
        self.taken.append(line)
        self._taken_chars += len(line)
        if self._taken_chars > LINE_LIMIT and len(self.taken) > 1:
            raise RecordTooLong
        return line

    def _read(self) -> str:
        while self.broken is None:
            try:
                line = self._stream.readline(LINE_LIMIT)
                if not line:
                    raise StopIteration
                if len(line) < LINE_LIMIT or line.endswith("\n"):
                    return line.replace("\x00", "") if "\x00" in line else line
                while line and not line.endswith("\n"):
                    line = self._stream.readline(LINE_LIMIT)
            except READ_ERRORS as error:
                self.broken = str(error) or type(error).__name__
                break
            self.number += 1
            self._too_long.append(self.number)
        raise StopIteration

    def mark(self) -> None:
        self.taken = []
        self._taken_chars = 0

    def push_back(self, lines: list[str]) -> None:
        """The lines, the last ones taken, come again."""
        self._pushed.extendleft(reversed(lines))
        self.number -= len(lines)

    def drain_too_long(self) -> list[int]:
        """The numbers of the lines that were dropped since the last call."""
        numbers, self._too_long = self._too_long, []
        return numbers
