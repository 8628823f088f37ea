"""Three public sets for `make bench-quality`, made of what Debian's archive holds.

    python -m benchmarks.public_sets --out DIR
    make bench-quality DATA=DIR

- packages: the one-line synopsis of a package, and its long description;
- glossary: "What is TERM?", and the entry of FOLDOC, the term itself taken out of it;
- examples: a sentence that uses a word, and WordNet's synonyms and gloss of the word as used there.

Needs apt and dpkg. Answers are divided at random: 12 %, at most 3,000, are test, as many are
validation, and no question is in two parts. Nothing of this is part of the project: WordNet, FOLDOC
and the descriptions have licences of their own.
"""

import argparse
import gzip
import json
import random
import re
import string
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

Pairs = list[tuple[str, str]]

_HELD_OUT_SHARE, _MOST_HELD_OUT, _MOST_PACKAGES = 0.12, 3_000, 15_000
_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def packages(translations: str) -> Pairs:
    """Return synopsis and description of every package in apt's Translation-en files."""
    pairs: dict[str, str] = {}
    for block in re.split(r"\n\n+", translations):
        found = re.search(r"^Description-en: (.*)\n((?: .*\n?)*)", block, re.MULTILINE)
        if found is None:
            continue
        lines = [line.strip() for line in found[2].splitlines()]
        description = " ".join(line for line in lines if line != ".").strip()
        if len(description) >= 60:
            pairs.setdefault(found[1].strip(), description[:1500])
    return list(pairs.items())


def glossary(index: str, dictionary: bytes) -> Pairs:
    """Return the entries of a dictionary in dictd's format."""
    pairs = []
    for line in index.splitlines():
        term, start, length = line.split("\t")[:3]
        if term.startswith("00"):  # about the dictionary
            continue
        first = _number(start)
        entry = dictionary[first : first + _number(length)].decode("utf-8", "replace")
        lines = [line.strip() for line in entry.splitlines()[1:] if line.strip()]
        text = re.sub(r"^(<[^>]*>\s*)+", "", " ".join(lines))
        if len(text) > 60:
            without = re.sub(re.escape(term), "it", text, flags=re.IGNORECASE)
            pairs.append((f"What is {term}?", without[:1200]))
    return pairs


def examples(data: str) -> Pairs:
    """Return example sentences with synonyms and gloss, from a data file of WordNet."""
    pairs = []
    for line in data.splitlines():
        if line.startswith("  "):  # the licence
            continue
        head, gloss = line.split("|", 1)
        fields = head.split()
        words = [fields[4 + 2 * i] for i in range(int(fields[3], 16))]
        words = [re.sub(r"\(.*\)", "", word).replace("_", " ") for word in words]
        meaning, *sentences = (part.strip() for part in re.split(r';\s*(?=")', gloss.strip()))
        quoted = (sentence.strip('" ;') for sentence in sentences)
        answer = f"{', '.join(words)}: {meaning}"
        pairs += [(sentence, answer) for sentence in quoted if len(sentence) > 12]
    return pairs


def divide(pairs: Pairs) -> dict[str, Pairs]:
    """Divide by answers; a question of one part is left out of those after it."""
    asked = defaultdict(list)
    for question, answer in dict.fromkeys(pairs):
        asked[answer].append(question)
    answers = sorted(asked)
    random.Random(0).shuffle(answers)
    held = min(_MOST_HELD_OUT, int(len(answers) * _HELD_OUT_SHARE))
    cuts = {"test": slice(held), "valid": slice(held, 2 * held), "train": slice(2 * held, None)}
    parts, taken = {}, set()
    for name, cut in cuts.items():
        parts[name] = [
            (question, answer)
            for answer in answers[cut]
            for question in asked[answer]
            if question.lower() not in taken
        ]
        taken |= {question.lower() for question, _ in parts[name]}
    return parts


def write(folder: Path, name: str, pairs: Pairs, most: int | None = None) -> None:
    """Write the parts of a set, at most so many training pairs."""
    for part, rows in divide(pairs).items():
        kept = rows[:most] if part == "train" else rows
        lines = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) for q, a in kept]
        path = folder / f"{name}.{part}.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        print(f"{path}: {len(kept):,} pairs")


def _number(digits: str) -> int:
    """Read a number as dictd writes it, base 64."""
    return sum(_DIGITS.index(d) * 64**i for i, d in enumerate(reversed(digits)))


def _translations(folder: Path) -> Iterator[str]:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    options = ["-o", "Acquire::Languages=en", "-o", f"Dir::State::Lists={lists}"]
    subprocess.run(["apt-get", "-qq", "update", *options], check=True)
    for path in lists.glob("*Translation-en*"):
        command = ["/usr/lib/apt/apt-helper", "cat-file", str(path)]
        yield subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _unpacked(folder: Path, *names: str) -> Path:
    subprocess.run(["apt-get", "-qq", "download", *names], check=True, cwd=folder)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder / "files")], check=True)
    return folder / "files" / "usr" / "share"


def main() -> None:
    """Fetch, read and write the three sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="cube-sets-") as name:
            share = _unpacked(Path(name), "wordnet-base", "dict-foldoc")
            synopses = packages("\n\n".join(_translations(Path(name))))
            foldoc = share / "dictd" / "foldoc"
            entries = glossary(
                foldoc.with_suffix(".index").read_text("utf-8", "replace"),
                gzip.decompress(foldoc.with_suffix(".dict.dz").read_bytes()),
            )
            sentences = []
            for part in ("noun", "verb", "adj", "adv"):
                sentences += examples((share / "wordnet" / f"data.{part}").read_text("latin-1"))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"The sets are made of Debian's archive, by apt and dpkg: {error}")
    write(options.out, "packages", synopses, _MOST_PACKAGES)
    write(options.out, "glossary", entries)
    write(options.out, "examples", sentences)


if __name__ == "__main__":
    main()
