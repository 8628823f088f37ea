"""A corpus's manifest as a page of text for a person."""

from typing import Any

from cube.data.histogram import draw

_MOST_FILES = 30


def explain_manifest(manifest: dict[str, Any]) -> str:
    """Return what was read, how it was understood, what was rejected and how long texts are."""
    rows = manifest["rows"]
    lines = [
        f"{rows['read']:,} rows read = {rows['kept']:,} kept + {rows['quarantined']:,} "
        f"quarantined + {rows['duplicates_merged']:,} duplicates merged",
        f"{manifest['pairs']:,} pairs ({manifest['dialogue_pairs']:,} from dialogues), "
        f"{manifest['distinct_answers']:,} distinct answers, {manifest['texts']:,} texts, "
        f"{manifest['groups']:,} groups that splits keep together",
        "",
        "Files",
        *_files(manifest),
    ]
    lines += _reasons(manifest)
    if manifest["cleaned"]:
        counts = [f"  {count:,} {name}" for name, count in manifest["cleaned"].items()]
        lines += ["", "Removed while cleaning", *counts]
    for name, histogram in manifest["histograms"].items():
        numbers = f"{histogram['min']:,} to {histogram['max']:,}, mean {histogram['mean']:,}"
        lines += ["", f"{name[0].upper()}{name[1:]}: {numbers}", *draw(histogram)]
    return "\n".join(lines) + "\n\n"


def _files(manifest: dict[str, Any]) -> list[str]:
    lines = []
    for source in manifest["sources"][:_MOST_FILES]:
        columns = manifest["columns"].get(source["file"], {})
        renamed = ", ".join(f"{f} = {c!r}" if f != c else f for f, c in columns.items())
        unread = ", ".join(map(repr, manifest["unread_columns"].get(source["file"], [])))
        unread = f"; not read: {unread}" if unread else ""
        lines.append(
            f"  {source['file']} ({source['format']}): {renamed or 'no usable row'}{unread}"
        )
    if len(manifest["sources"]) > _MOST_FILES:
        lines.append(f"  and {len(manifest['sources']) - _MOST_FILES:,} more")
    skipped = manifest["skipped"]
    lines += [f"  passed over: {s['file']} ({s['reason']})" for s in skipped[:_MOST_FILES]]
    if len(skipped) > _MOST_FILES:
        lines.append(f"  passed over: {len(skipped) - _MOST_FILES:,} more")
    return lines


def _reasons(manifest: dict[str, Any]) -> list[str]:
    if not manifest["reasons"]:
        return []
    lines = ["", "Quarantined, by reason"]
    for kind, count in manifest["reasons"].items():
        first = manifest["examples"].get(kind)
        where = f" (first: line {first['line']} of {first['file']})" if first else ""
        lines.append(f"  {count:>8,}  {kind}{where}")
    return lines
