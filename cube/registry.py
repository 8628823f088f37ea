"""The registry: immutable versions of a model and a pointer to its champion.

models/<name>/<version>/   a model folder, never changed once it is there
models/<name>/champion     the version that serves, replaced atomically
models/<name>/history.jsonl  every promotion: when, which, why
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cube import storage
from cube.errors import ModelError


class Registry:
    """Versions of one model."""

    def __init__(self, home: Path, name: str):
        self.folder = home / "models" / name

    def versions(self) -> list[str]:
        """Return all versions, oldest name first."""
        if not self.folder.is_dir():
            return []
        return sorted(path.parent.name for path in self.folder.glob("[!.]*/config.json"))

    def path(self, version: str) -> Path:
        """Return the folder of a version.

        Raises:
            ModelError: when there is none of that name.
        """
        folder = self.folder / version
        if not (folder / "config.json").is_file():
            known = ", ".join(self.versions()) or "none"
            raise ModelError(f"No version {version!r} in {self.folder}. Versions: {known}.")
        return folder

    def champion(self) -> str | None:
        """Return the version that serves, or None before the first promotion."""
        pointer = self.folder / "champion"
        return pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else None

    def publish(self, model: Path, version: str) -> Path:
        """Copy a model folder in as a version; a version that is there already stays as it is."""
        folder = self.folder / version
        if not folder.is_dir():
            with storage.atomic_folder(folder) as temporary:
                shutil.copytree(model, temporary, dirs_exist_ok=True)
        return folder

    def promote(self, version: str, reason: str) -> None:
        """Let a version serve. Readers see the old champion or the new one, nothing between."""
        self.path(version)
        previous = self.champion()
        if previous == version:
            return
        storage.write_bytes(self.folder / "champion", f"{version}\n".encode())
        entry: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": version,
            "previous": previous,
            "reason": reason,
        }
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as history:
            history.write(json.dumps(entry, ensure_ascii=False) + "\n")
