"""Parquet files: only the columns that matter, a bounded number of rows at a time."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cube.data.columns import columns_to_read
from cube.data.opening import open_regular
from cube.data.rows import Row
from cube.data.sources import SourceFile
from cube.errors import DataError

_BATCH_BYTES = 16 * 1024 * 1024
_MAX_GROUP_BYTES = 4 * 1024**3
_FREE_ROWS = 10_000_000
_MAX_ROWS_PER_BYTE = 100  # a run-length encoded column can claim any number of rows
_FREE_LISTED = 1_000_000  # the list of one row is decoded whole, and can claim any length too


def read(file: SourceFile, mapping: dict[str, str]) -> Iterator[Row]:
    """Yield rows with the known or mapped columns; other columns are not even decoded.

    Raises:
        DataError: when the file is broken, has no usable column or claims absurd sizes.
    """
    with open_regular(file.path) as plain:
        table = pq.ParquetFile(pa.PythonFile(plain, "r"))
        columns = columns_to_read(table.schema_arrow.names, mapping, file.path)
        _check_sizes(file, table.metadata, columns)
        number = 0
        for group in range(table.num_row_groups):
            rows = _batch_rows(table.metadata.row_group(group))
            for batch in table.iter_batches(rows, row_groups=[group], columns=columns):
                yield from rows_of(batch, file.label, number)
                number += batch.num_rows


def rows_of(batch: pa.RecordBatch, label: str, before: int) -> Iterator[Row]:
    """Yield the rows of a batch; `line` is the row's position in the file, from 1."""
    try:
        values: list[dict[str, Any]] = batch.to_pylist()
    except (UnicodeDecodeError, ValueError, OverflowError):
        # One bad value spoils the conversion of a whole batch: find it row by row.
        for i in range(batch.num_rows):
            try:
                yield Row(label, before + i + 1, batch.slice(i, 1).to_pylist()[0])
            except (UnicodeDecodeError, ValueError, OverflowError) as error:
                yield Row(label, before + i + 1, None, f"cannot be decoded: {error}")
        return
    for i, value in enumerate(values):
        yield Row(label, before + i + 1, value)


def _batch_rows(group: pq.RowGroupMetaData) -> int:
    bytes_per_row = max(1, group.total_byte_size // max(1, group.num_rows))
    return int(min(8_192, max(16, _BATCH_BYTES // bytes_per_row)))


def _check_sizes(file: SourceFile, metadata: pq.FileMetaData, columns: list[str]) -> None:
    size = file.path.stat().st_size
    if metadata.num_rows > max(_FREE_ROWS, size * _MAX_ROWS_PER_BYTE):
        raise DataError(
            f"{file.path} claims {metadata.num_rows:,} rows in {size:,} bytes: a decompression "
            "bomb?"
        )
    listed = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        listed += _num_listed(group, columns)
        if group.total_byte_size > _MAX_GROUP_BYTES:
            raise DataError(
                f"{file.path}: row group {number} unpacks to {group.total_byte_size:,} bytes, at "
                f"most {_MAX_GROUP_BYTES:,} are read at once. Write it with smaller row groups."
            )
    if listed > max(_FREE_LISTED, size):
        raise DataError(
            f"{file.path} claims {listed:,} values in lists in {size:,} bytes: a decompression "
            "bomb?"
        )


def _num_listed(group: pq.RowGroupMetaData, columns: list[str]) -> int:
    """Return how many values the fullest of the columns claims beyond one a row."""
    parts = map(group.column, range(group.num_columns))
    below = tuple(f"{column}." for column in columns)
    read = (part for part in parts if f"{part.path_in_schema}.".startswith(below))
    return max((part.num_values - group.num_rows for part in read), default=0)
