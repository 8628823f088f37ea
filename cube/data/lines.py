"""Lines of a byte stream, each at most as long as a row may be."""

from collections.abc import Iterator
from typing import IO, NamedTuple

from cube.data.rows import MAX_ROW_BYTES


class Line(NamedTuple):
    """A line with its end, or the reason it cannot be read; `text` is then what could be saved."""

    number: int
    text: str
    error: str | None = None


def read_lines(stream: IO[bytes]) -> Iterator[Line]:
    """Yield the lines of a UTF-8 stream; a line too long is passed over in pieces."""
    number = 0
    while line := stream.readline(MAX_ROW_BYTES):
        number += 1
        if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
            start = line[:1_000].decode(errors="replace")
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_ROW_BYTES)
            yield Line(number, start, f"line is longer than {MAX_ROW_BYTES} bytes")
            continue
        try:
            yield Line(number, line.decode())
        except UnicodeDecodeError as error:
            yield Line(number, *_undecodable(line, error))


def _undecodable(line: bytes, error: UnicodeDecodeError) -> tuple[str, str]:
    try:
        # What the UTF-16 decoder lets through: the row has to go, the reason is another one.
        return line.decode(errors="surrogatepass"), "holds half a surrogate pair"
    except UnicodeDecodeError:
        reason = f"not UTF-8 at byte {error.start}; another encoding must be named in data.encoding"
        return line.decode(errors="replace"), reason
