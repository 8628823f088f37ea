"""Vectors in a list column of a Parquet file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cube.errors import DataError, first_line

_BATCH_ROWS = 8_192
_MAX_BYTES_PER_FILE_BYTE = 200
_FREE_BYTES = 1 << 30


def read_parquet(path: Path, name: str | None) -> np.ndarray:
    """Read a list or fixed-size-list column of floats into one matrix.

    Raises:
        DataError: when there is none or several, or its rows differ in length.
    """
    try:
        file = pq.ParquetFile(path)
        column = _choose(path, file.schema_arrow, name)
        first = next(file.iter_batches(1, columns=[column]), None)
        if first is None:
            raise DataError(f"{path} has no rows.")
        width = _widths(path, first.column(0), 0)[1]
        dtype = np.dtype(first.column(0).type.value_type.to_pandas_dtype())
        needed = file.metadata.num_rows * width * dtype.itemsize
        if needed > max(_FREE_BYTES, path.stat().st_size * _MAX_BYTES_PER_FILE_BYTE):
            raise DataError(f"{path} unpacks to {needed:,} bytes: a decompression bomb?")
        matrix = np.empty((file.metadata.num_rows, width), dtype)
        done = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[column]):
            values, found = _widths(path, batch.column(0), done)
            if found != width:
                raise DataError(f"{path}: row {done} has {found} dimensions, row 0 has {width}.")
            matrix[done : done + batch.num_rows] = values.reshape(-1, width)
            done += batch.num_rows
    except pa.ArrowException as error:
        raise DataError(f"{path} is cut off or corrupt ({first_line(error)}).") from None
    return matrix


def _is_list(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return (lists or pa.types.is_fixed_size_list(kind)) and pa.types.is_floating(kind.value_type)


def _choose(path: Path, schema: pa.Schema, wanted: str | None) -> str:
    names = [field.name for field in schema if _is_list(field.type)]
    if wanted is not None and wanted in names:
        return wanted
    if wanted is None and len(names) == 1:
        return names[0]
    problem = f"no column {wanted!r}" if wanted else f"{len(names)} columns"
    raise DataError(
        f"{path} has {problem} of float lists: name one, as in {path.name}#column. There are: "
        f"{', '.join(names) or 'none'}."
    )


def _widths(path: Path, column: pa.Array, before: int) -> tuple[np.ndarray, int]:
    """Return the values of a column and the length that all its rows share."""
    if column.null_count:
        row = before + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{path}: row {row} has no vector.")
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.full(len(column), column.type.list_size)
    else:
        lengths = np.diff(column.offsets.to_numpy())
    other = np.flatnonzero(lengths != lengths[0])
    if len(other):
        row = before + int(other[0])
        raise DataError(
            f"{path}: row {row} has {lengths[other[0]]} dimensions, others have {lengths[0]}."
        )
    flat = column.flatten()
    if flat.null_count:
        raise DataError(f"{path}: a vector among rows {before} to {before + len(column) - 1} has "
                        "missing values.")  # fmt: skip
    return flat.to_numpy(zero_copy_only=False), int(lengths[0])
