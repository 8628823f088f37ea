"""The registry: immutable versions of a model and a pointer to its champion.

models/<name>/<version>/             a model folder, never changed once it is there
models/<name>/records/<version>.json when it came, the digests of its files, its last judgement
models/<name>/champion               the version that serves, replaced atomically
models/<name>/history.jsonl          every promotion: when, which, by whom, why
"""

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cube import storage
from cube.errors import GateError, ModelError
from cube.locks import locked

GATE = "gate"
Kind = Literal["gate", "forced", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """A line of the history: `version` took over from `previous`."""

    at: str
    version: str
    previous: str | None
    reason: str
    kind: Kind = "gate"
    by: str = GATE


class Registry:
    """Versions of one model. A serving process reads `path(champion)` and needs no lock."""

    def __init__(self, home: Path, name: str):
        self.home = home
        self.folder = home / "models" / name

    def versions(self) -> list[str]:
        """Return all versions, oldest name first."""
        return sorted(path.parent.name for path in self.folder.glob("[!.]*/config.json"))

    def path(self, version: str) -> Path:
        """Return the folder of a version; "champion" is the one that serves.

        Raises:
            ModelError: when there is none of that name.
        """
        if version == "champion":
            version = self.champion() or version
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none"
            what = "version was promoted yet" if version == "champion" else f"version {version!r}"
            raise ModelError(f"No {what} in {self.folder}. Versions: {known}.")
        return self.folder / version

    def champion(self) -> str | None:
        """Return the version that serves, or None before the first promotion."""
        try:
            return (self.folder / "champion").read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return None

    def history(self) -> list[Promotion]:
        """Return all promotions, oldest first.

        Raises:
            ModelError: when a line is not a promotion.
        """
        file = self.folder / "history.jsonl"
        lines = file.read_text("utf-8", "replace").split("\n") if file.is_file() else []
        promotions = []
        for number, line in enumerate(filter(None, lines), start=1):
            try:
                promotions.append(Promotion(**json.loads(line)))
            except (ValueError, TypeError):
                raise ModelError(f"Mend line {number} of {file}: it is no promotion.") from None
        return promotions

    def record(self, version: str) -> dict[str, Any]:
        """Return what is known of a version: `published`, `files`, `settings`, `judgement`.

        Raises:
            ModelError: when there is no such version, it was put there by hand, or its record is
                broken.
        """
        folder = self.path(version)
        file = self._record_file(folder.name)
        if not file.is_file():
            raise ModelError(f"{folder} was never published: {file} is missing. Publish its run.")
        return _read_record(file)

    def publish(
        self, model: Path, version: str, judgement: dict[str, Any], settings: dict[str, Any]
    ) -> Path:
        """Copy a model folder in as a version; one that is there already stays as it is.

        Args:
            model: model folder.
            version: name it gets.
            judgement: the gate's verdict on it, see `judgement_of`; replaces an older one.
            settings: the resolved config it was made with.

        Raises:
            ModelError: when another model was published under that name: the judgement is not its.
        """
        folder = self.folder / version
        with locked(self.folder / ".lock"):
            record = self._record_file(version)
            if not folder.is_dir():
                with storage.atomic_folder(folder) as temporary:
                    # Not copytree, whose error for a full disk is a list of tuples.
                    for path in _files(model):
                        copy = temporary / path.relative_to(model)
                        copy.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, copy)
                        copy.chmod(0o444)
                record.unlink(missing_ok=True)  # of a version somebody has removed
            known = _read_record(record) if record.is_file() else _new_record(folder, settings)
            if known["files"] != _digests(model):
                raise ModelError(
                    f"{folder} holds another model than {model}, which was trained anew since: "
                    "train with another seed, or remove the version if it neither serves nor will."
                )
            storage.write_json(record, {**known, "judgement": judgement})
        return folder

    def changed_files(self, version: str) -> list[str]:
        """Return the files of a version that are not what was published, or not there."""
        published, there = self.record(version)["files"], _digests(self.path(version))
        names = published.keys() | there.keys()
        return sorted(name for name in names if published.get(name) != there.get(name))

    def refusal(self, version: str) -> str | None:
        """Return why the gate may not promote a version as things stand, or None if it may."""
        judgement, champion = self.record(version)["judgement"], self.champion()
        if not judgement["promote"]:
            return judgement["sentence"]
        if champion not in (judgement["champion"], version):
            return (
                f"Not promoted: {version} was compared with {judgement['champion'] or 'nobody'}, "
                f"but the champion is {champion}. Judge it anew: cube train --resume with its run."
            )
        for last in reversed(self.history()):
            if last.version == version:
                return None
            if last.previous == version and last.kind != "gate":
                what = "rolled back" if last.kind == "rollback" else "replaced"
                return f"Not promoted: {version} was {what} by {last.by}: {last.reason}"
        return None

    def promote(self, version: str, by: str = GATE, reason: str | None = None) -> None:
        """Let a version serve if the gate lets it; for the history, the reason is its sentence.

        Raises:
            GateError: with the gate's reason.
            ModelError: when there is no such version, or its files have changed.
        """
        with locked(self.folder / ".lock"):
            if (refusal := self.refusal(version)) is not None:
                raise GateError(refusal)
            sentence = self.record(version)["judgement"]["sentence"]
            self._swap(version, "gate", by, reason or sentence)

    def force(self, version: str, by: str, reason: str) -> None:
        """Let a version serve whatever the gate says; who did it and why goes into the history.

        The gate does not promote the version it took over from again.
        """
        if not (by.strip() and reason.strip()):
            raise ModelError("A forced promotion is recorded with who and why: give both.")
        with locked(self.folder / ".lock"):
            self._swap(version, "forced", by, reason)

    def rollback(self, by: str, reason: str) -> str:
        """Let the version serve that the champion took over from, and return it.

        The gate does not promote the version that was rolled back again; `force` does.

        Raises:
            ModelError: when there is no champion, or none before it.
        """
        with locked(self.folder / ".lock"):
            champion = self.champion()
            arrivals = [p for p in self.history() if p.version == champion and p.kind != "rollback"]
            if champion is None or not arrivals or arrivals[-1].previous is None:
                before = f" before {champion}" if champion else " yet"
                raise ModelError(f"No champion of {self.folder}{before}: nothing to do.")
            previous = arrivals[-1].previous
            self._swap(previous, "rollback", by, reason)
        return previous

    def _swap(self, version: str, kind: Kind, by: str, reason: str) -> None:
        version, previous = self.path(version).name, self.champion()
        if version == previous:
            return
        if changed := self.changed_files(version):
            raise ModelError(
                f"Version {version} is not what was published, it cannot serve: "
                f"{', '.join(changed)} changed in {self.folder / version}."
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entries = [*self.history(), Promotion(now, version, previous, reason, kind, by)]
        lines = "".join(json.dumps(asdict(e), ensure_ascii=False) + "\n" for e in entries)
        # The history first: whatever kills this process, no version serves that nobody recorded.
        storage.write_bytes(self.folder / "history.jsonl", lines.encode(errors="replace"))
        storage.write_bytes(self.folder / "champion", f"{version}\n".encode())

    def _record_file(self, version: str) -> Path:
        return self.folder / "records" / f"{version}.json"


def _read_record(file: Path) -> dict[str, Any]:
    try:
        return storage.read_json(file)
    except ValueError as error:
        raise ModelError(
            f"{file} is broken ({error}): delete it and publish the run again."
        ) from None


def _new_record(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": folder.name,
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": _digests(folder),
        "settings": settings,
    }


def _digests(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): storage.file_sha256(p) for p in _files(folder)}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
