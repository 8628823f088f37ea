"""Rows out of files of any supported format. A broken row is yielded as an error."""

from collections.abc import Iterator

from cube.config import DataConfig
from cube.data.formats import (
    arrow_folder,
    delimited,
    json_document,
    json_lines,
    parquet,
    plain,
)
from cube.data.opening import open_utf8, reading, state_of
from cube.data.rows import Row
from cube.data.sources import SourceFile
from cube.data.turn_rows import gather_turns
from cube.errors import DataError


def read_rows(file: SourceFile, config: DataConfig, state: tuple[int, ...]) -> Iterator[Row]:
    """Yield the rows of a file; turns stored one a row are gathered into dialogues.

    Args:
        file: what to read.
        config: encoding, delimiter and column names.
        state: of the file when its digest was taken, see `state_of`.

    Raises:
        DataError: when the file as a whole cannot be read, or changed since `state` was taken.
    """
    with reading(file):
        yield from gather_turns(_rows(file, config), config.columns)
        if state_of(file.path) != state:
            raise DataError(f"{file.path} changed while it was read: wait for its writer.")


def _rows(file: SourceFile, config: DataConfig) -> Iterator[Row]:
    if file.format == "parquet":
        yield from parquet.read(file, config.columns)
        return
    if file.format == "arrow":
        yield from arrow_folder.read(file, config.columns)
        return
    with open_utf8(file, config.encoding, config.max_expansion) as stream:
        match file.format:
            case "jsonl" if not json_document.begins(stream):
                yield from json_lines.read(stream, file.label)
            case "jsonl" | "json":
                yield from json_document.read(stream, file.label, file.path, config.columns)
            case "csv" | "tsv":
                delimiter = config.delimiter or ("\t" if file.format == "tsv" else None)
                yield from delimited.read(stream, file.label, delimiter, config.columns)
            case "text" | "qa" | "lines":
                blocks = {"qa": True, "lines": False}.get(file.format)
                yield from plain.read(stream, file.label, blocks)
            case _:
                raise AssertionError(file.format)
