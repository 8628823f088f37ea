"""Datasets written by Hugging Face's `save_to_disk`: Arrow streams named by `state.json`.

Read with pyarrow alone: the library itself is not needed, and no code of a dataset is run.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cube import storage
from cube.data.columns import columns_to_read
from cube.data.formats.parquet import rows_of
from cube.data.opening import open_regular
from cube.data.rows import Row
from cube.data.sources import SourceFile
from cube.errors import DataError


def data_files(folder: Path) -> list[Path]:
    """Return the Arrow files of a dataset, in order.

    Raises:
        DataError: when the folder is not what `save_to_disk` writes, or names files outside of it.
    """
    try:
        state = storage.read_json(folder / "state.json")
        names = [entry["filename"] for entry in state["_data_files"]]
        indices = state.get("_indices_files") or state.get("_indices_data_files")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{folder}/state.json does not describe a saved dataset.") from None
    if indices:
        raise DataError(f"{folder} holds a selection of another dataset: flatten it, save again.")
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DataError(f"{folder}/state.json names files outside of its folder.")
    return [folder / name for name in names]


def read(file: SourceFile, mapping: dict[str, str]) -> Iterator[Row]:
    """Yield rows with the known or mapped columns.

    Raises:
        DataError: when a file is broken or has no usable column.
    """
    number = 0
    for path in data_files(file.path):
        with open_regular(path) as plain, pa.ipc.open_stream(plain) as stream:
            columns = columns_to_read(stream.schema.names, mapping, path)
            for batch in stream:
                for start in range(0, batch.num_rows, 1_024):
                    part = batch.select(columns).slice(start, 1_024)
                    yield from rows_of(part, file.label, number)
                    number += part.num_rows
