"""Which files a source names: files, folders, globs, standard input. Nothing odd is ever opened.

A source named directly must be readable, or reading stops with an error. In a folder, what is not
data (an unknown suffix, a device, a broken link) is listed with its reason and passed over.
"""

import glob
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from cube.errors import DataError

STDIN = "-"
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
}
_MAX_STDIN_BYTES = 64 * 1024**3
_WHOLE_FILE = {"parquet", "arrow"}  # read at random positions: not through a decompressor
_OWN = "is where what is read is written to"
_ARROW_SPLITS = "dataset_dict.json"  # marks a folder of several such folders
_ARROW_FOLDER = "state.json"  # marks a dataset folder written by `datasets.save_to_disk`
_ARROW_FILES = (_ARROW_SPLITS, _ARROW_FOLDER, "dataset_info.json")  # beside those named .arrow
_OF_DATASET = "is of a saved dataset, which is read where its folder is named"


@dataclass(frozen=True)
class SourceFile:
    """A data file and how to read it.

    Attributes:
        path: where it is.
        label: how manifest and quarantine name it: its name, or its path inside the given folder,
            with more folders where another has the same (`told_apart`).
        format: one of the values of `FORMATS`, or `arrow`.
        compression: `gzip`, `zstd` or None.
    """

    path: Path
    label: str
    format: str
    compression: str | None = None


@dataclass
class Found:
    """Files to read, in order, and what was passed over in folders, with the reason."""

    files: list[SourceFile] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def find_files(path: Path, wanted_format: str = "auto", own: Path | None = None) -> Found:
    """Return the data files of a path, a folder (searched in name order) or a glob pattern.

    Args:
        path: `**` in a pattern reaches into sub-folders. A path that exists is never taken for a
            pattern.
        wanted_format: read every file as this format, whatever its name; `auto`: by suffix.
        own: folder that what is read is written to. A folder or pattern that reaches into it from
            outside passes it over; places inside it can be named.

    Raises:
        DataError: when the path is missing, is a device or the like, or nothing is found.
    """
    if "\0" in str(path):
        raise DataError(f"{str(path)!r} is not a path: it holds a NUL character.")
    own = None if own is None else own.resolve()
    found = Found()
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        _take_matches(path, wanted_format, found, own)
    else:
        _take_named(path, wanted_format, found, own)
    found.files = [replace(file, label=_readable(file.label)) for file in found.files]
    found.skipped = [{**entry, "file": _readable(entry["file"])} for entry in found.skipped]
    return found


def told_apart(files: list[SourceFile]) -> list[SourceFile]:
    """Return the files, those of one label named with as many of their folders as it takes."""
    paths: dict[str, set[tuple[str, ...]]] = {}
    for file in files:
        paths.setdefault(file.label, set()).add(file.path.absolute().parts)

    depths: dict[str, int] = {}
    for label, alike in paths.items():
        if len(alike) > 1:
            depths[label] = label.count("/") + 1
            while len({parts[-depths[label] :] for parts in alike}) < len(alike):
                depths[label] += 1

    def label_of(file: SourceFile) -> str:
        if file.label not in depths:
            return file.label
        return _readable("/".join(file.path.absolute().parts[-depths[file.label] :]))

    return [replace(file, label=label_of(file)) for file in files]


def _fixed_part(pattern: Path) -> Path:
    """Return the folder that a glob pattern begins with."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts)).resolve()


def _readable(name: str) -> str:
    """Return a file's name as text, with bytes that are not UTF-8 written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def spool_stdin(folder: Path, wanted_format: str) -> SourceFile:
    """Copy standard input to a file in `folder`, so it has a digest and can be read like any other.

    Raises:
        DataError: when nothing or more than 64 GiB comes in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".stdin-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            copied = 0
            while block := sys.stdin.buffer.read(1 << 20):
                copied += len(block)
                if copied > _MAX_STDIN_BYTES:
                    raise DataError(f"Standard input is longer than {_MAX_STDIN_BYTES:,} bytes.")
                file.write(block)
        if not copied:
            raise DataError("Standard input is empty.")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return SourceFile(Path(name), "stdin", "jsonl" if wanted_format == "auto" else wanted_format)


def _known() -> str:
    return f"Known: {', '.join(FORMATS)}, each also with .gz or .zst (not Parquet)."


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        what = "is a broken link" if path.is_symlink() else "does not exist"
        raise DataError(f"No such file or folder: {path} {what}.") from None
    except OSError as error:  # a loop of links, a folder without permission, a name too long
        raise DataError(f"Cannot open {path}: {error.strerror}.") from None


def _take_matches(pattern: Path, wanted_format: str, found: Found, own: Path | None) -> None:
    matches = list(map(Path, sorted(glob.glob(str(pattern), recursive=True))))  # noqa: PTH207
    if not matches:
        raise DataError(f"No file matches {pattern}.")
    reaches_in = own is not None and own not in _fixed_part(pattern).parents
    saved: set[Path] = set()  # datasets taken whole, whose files may match as well
    for match in matches:
        if not saved.isdisjoint(match.parents):
            continue
        is_own = reaches_in and own in match.resolve().parent.parents
        if match.is_dir():
            if not is_own and _take_dataset_folder(match, match.name, found):
                saved.add(match)
        elif _is_of_dataset(match):
            found.skipped.append({"file": match.name, "reason": _OF_DATASET})
        elif is_own:
            found.skipped.append({"file": match.name, "reason": _OWN})
        else:
            _take_from_folder(match, match.name, wanted_format, found)
    if not found.files:
        hint = f"What does {_OF_DATASET}." if any(map(_is_of_dataset, matches)) else _known()
        raise DataError(f"No data file matches {pattern}. {hint}")


def _take_named(path: Path, wanted_format: str, found: Found, own: Path | None) -> None:
    mode = _status(path).st_mode
    if stat.S_ISDIR(mode):
        if path.resolve() == own:
            raise DataError(
                f"Folder {path} is where what is read from it would be written: put the files into "
                "a folder of their own, which may lie inside."
            )
        if not _take_dataset_folder(path, path.name, found):
            for file in _walk(path, found, own):
                label = file.relative_to(path).as_posix()
                if not _take_dataset_folder(file, label, found):
                    _take_from_folder(file, label, wanted_format, found)
        if not found.files:
            raise DataError(f"No data file in folder {path}. {_known()}")
        return
    if not stat.S_ISREG(mode):
        raise DataError(
            f"{path} is a {_kind(mode)}, neither a regular file nor a folder. To read from a "
            "pipe, name standard input: -"
        )
    file = _by_suffix(path, path.name, wanted_format)
    if isinstance(file, str):
        raise DataError(f"{path}: {file}. {_known()} Or name data.format.")
    found.files.append(file)


def _take_from_folder(path: Path, label: str, wanted_format: str, found: Found) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        found.skipped.append({"file": label, "reason": str(error.strerror)})
        return
    file = _by_suffix(path, label, wanted_format)
    if isinstance(file, str):
        found.skipped.append({"file": label, "reason": file})
    elif not stat.S_ISREG(mode):
        found.skipped.append({"file": label, "reason": f"is a {_kind(mode)}"})
    else:
        found.files.append(file)


def _take_dataset_folder(folder: Path, label: str, found: Found) -> bool:
    """Take a Hugging Face dataset saved to disk, or each split of several."""
    if not folder.is_dir():
        return False
    if (folder / _ARROW_FOLDER).is_file():
        found.files.append(SourceFile(folder, label, "arrow"))
        return True
    if (folder / _ARROW_SPLITS).is_file():
        for split in sorted(p for p in folder.iterdir() if (p / _ARROW_FOLDER).is_file()):
            found.files.append(SourceFile(split, f"{label}/{split.name}", "arrow"))
        return True
    return False


def _is_dataset(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (_ARROW_FOLDER, _ARROW_SPLITS))


def _is_of_dataset(file: Path) -> bool:
    named = file.name in _ARROW_FILES or file.suffix == ".arrow"
    return named and _is_dataset(file.parent)


def _walk(folder: Path, found: Found, own: Path | None) -> Iterator[Path]:
    """Yield files below a folder in name order, and dataset folders; each folder once.

    Links are followed, and a folder that was seen is not entered again: a loop of links ends.
    """
    seen: set[tuple[int, int]] = set()

    def enter(inside: Path) -> Iterator[Path]:
        status = inside.stat()
        if inside.resolve() == own:
            label = inside.relative_to(folder).as_posix()
            found.skipped.append({"file": label, "reason": _OWN})
            return
        if (status.st_dev, status.st_ino) in seen:
            label = inside.relative_to(folder).as_posix()
            found.skipped.append({"file": label, "reason": "is a link to a folder already read"})
            return
        seen.add((status.st_dev, status.st_ino))
        try:
            names = sorted(os.listdir(inside))  # noqa: PTH208
        except OSError as error:
            raise DataError(f"Cannot read folder {inside}: {error.strerror}.") from None
        for name in names:
            path = inside / name
            if name.startswith("."):
                continue
            if not path.is_dir() or _is_dataset(path):
                yield path
            else:
                yield from enter(path)

    yield from enter(folder)


def _by_suffix(path: Path, label: str, wanted_format: str) -> SourceFile | str:
    """Return the file with its format, or why it has none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    known = FORMATS.get(suffixes[-1]) if suffixes else None
    chosen = known if wanted_format == "auto" else wanted_format
    if chosen is None:
        return f"unknown format {suffixes[-1] if suffixes else '(no suffix)'!r}"
    if compression and chosen in _WHOLE_FILE:
        return f"{chosen} files are compressed inside; a compressed one cannot be read"
    return SourceFile(path, label, chosen, compression)


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "character device"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISDIR, "folder"),
    )
    return next((name for test, name in kinds if test(mode)), "special file")
