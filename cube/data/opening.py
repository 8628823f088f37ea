"""Opening data files: only regular ones, decompressed within bounds, as UTF-8, watched for change.

UTF-8 with or without byte-order mark and UTF-16 with one are read as they are; any other encoding
must be named, because a wrong guess reads without an error and ruins every text.
"""

import codecs
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from cube.data.sources import SourceFile
from cube.errors import DataError, first_line

_BLOCK = 1 << 18
_FREE_BYTES = 64 * 1024 * 1024  # a decompressed file below this is never called a bomb
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowInvalid)


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading; anything else (a pipe would block for ever) is an error."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{path} is not a regular file.")
    return os.fdopen(descriptor, "rb")


@contextmanager
def reading(file: SourceFile) -> Iterator[None]:
    """Turn what can go wrong while a file is read into one sentence.

    Raises:
        DataError: for a file that cannot be read, is cut off or corrupt, or changed meanwhile.
    """
    try:
        yield
    except RecursionError:
        raise DataError(f"Cannot read {file.path}: nested too deeply.") from None
    except BROKEN as error:
        raise DataError(f"{file.path} is cut off or corrupt ({first_line(error)}).") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file.path} is not {error.encoding} at byte {error.start}: {error.reason}. If it has "
            "another encoding, name it in data.encoding."
        ) from None
    except OSError as error:
        if error.errno is None:  # raised by a decoder, not by the system
            raise DataError(f"{file.path} is cut off or corrupt ({first_line(error)}).") from None
        place = error.filename if isinstance(error.filename, str) else file.path
        raise DataError(f"Cannot read {place}: {error.strerror}.") from None


def state_of(path: Path) -> tuple[int, ...]:
    """Return what changes when a file does; for a folder, of all files in it."""
    if path.is_dir():
        return tuple(n for inside in sorted(path.iterdir()) for n in state_of(inside))
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@contextmanager
def open_utf8(file: SourceFile, encoding: str, max_expansion: int) -> Iterator[io.BufferedReader]:
    """Open a file as a stream of UTF-8 bytes without byte-order mark.

    Lone surrogates of UTF-16 pass through as (invalid) UTF-8, so that only their rows are lost.

    Args:
        file: what to open.
        encoding: `auto` (UTF-8, or what a byte-order mark says), or the name of a codec.
        max_expansion: most bytes out per byte in of a compressed file.

    Yields:
        The stream.
    """
    with open_regular(file.path) as plain:
        stream = _decompressed(plain, file, max_expansion)
        start = stream.peek(4)[:4]
        found = next((name for mark, name in _BOMS if start.startswith(mark)), None)
        if found == "utf-32":
            raise DataError(f"{file.path} is UTF-32, which is not supported: convert it to UTF-8.")
        used = (found or "utf-8") if encoding == "auto" else codecs.lookup(encoding).name
        if used in {"utf-8", "utf-8-sig"}:
            if start.startswith(codecs.BOM_UTF8):
                stream.read(len(codecs.BOM_UTF8))
            yield _with_line_feeds(stream)
        else:
            yield _with_line_feeds(io.BufferedReader(_Transcoder(stream, used), _BLOCK))


def _with_line_feeds(stream: io.BufferedReader) -> io.BufferedReader:
    """Return the stream, one whose lines end with carriage returns alone (old Macs) put right."""
    start = stream.peek()
    if b"\n" in start or b"\r" not in start[:-1]:  # a last one may be half of a pair
        return stream
    return io.BufferedReader(_LineFeeds(stream), _BLOCK)


def _decompressed(plain: IO[bytes], file: SourceFile, max_expansion: int) -> io.BufferedReader:
    if file.compression is None:
        return io.BufferedReader(plain, _BLOCK)  # type: ignore[arg-type]
    packed = os.fstat(plain.fileno()).st_size
    inner: Any
    if file.compression == "gzip":
        inner = gzip.GzipFile(fileobj=plain)
    else:
        inner = pa.CompressedInputStream(pa.PythonFile(plain, "r"), "zstd")
    limit = max(_FREE_BYTES, packed * max_expansion)
    return io.BufferedReader(_Bounded(inner, file.path, limit), _BLOCK)


class _Bounded(io.RawIOBase):
    """Passes bytes on until there are suspiciously many."""

    def __init__(self, inner: Any, path: Path, limit: int):
        self._inner, self._path, self._left = inner, path, limit
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._inner.read(len(buffer))
        self._left -= len(block)
        if self._left < 0:
            raise DataError(
                f"{self._path} unpacks to more than {self._limit:,} bytes, far more than its size "
                "explains: a decompression bomb? Raise data.max_expansion if you trust it."
            )
        buffer[: len(block)] = block
        return len(block)


class _LineFeeds(io.RawIOBase):
    """Carriage returns in, line feeds out."""

    def __init__(self, inner: io.BufferedReader):
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._inner.read1(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)


class _Transcoder(io.RawIOBase):
    """Bytes of any encoding in, UTF-8 out."""

    def __init__(self, inner: IO[bytes], encoding: str):
        self._inner = inner
        errors = "surrogatepass" if encoding.startswith("utf-16") else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            block = self._inner.read(_BLOCK)
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            self._ready = text.encode("utf-8", "surrogatepass")
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
