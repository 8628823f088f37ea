"""A corpus without some of its pairs: those that a check turned down after reading.

Texts stay where they are, so every row keeps its meaning; the pairs go to the quarantine.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cube import storage
from cube.data.corpus import Corpus
from cube.data.quarantine import Quarantine
from cube.data.rows import Row
from cube.errors import DataError


def without_pairs(corpus: Corpus, reasons: dict[int, str], root: Path) -> Corpus:
    """Return the corpus without some pairs, as `root/<digest>`; itself where none are named.

    Each pair is in quarantine.jsonl with its source, its position as the line, and the reason; the
    manifest counts them as `screened`. Rows read and kept stay what they were.

    Args:
        corpus: as it was read.
        reasons: why a pair is left out, by its position among the pairs.
        root: the folder of all corpora.

    Raises:
        DataError: when no pair would be left.
    """
    if not reasons:
        return corpus
    if len(reasons) == corpus.manifest["pairs"]:
        raise DataError(
            f"All {len(reasons)} pairs would be left out: {next(iter(reasons.values()))}"
        )
    digest = storage.digest_of({"corpus": corpus.digest, "without": sorted(reasons.items())})
    folder = root / digest
    if not (folder / "manifest.json").is_file():
        with storage.atomic_folder(folder) as temporary:
            shutil.copyfile(corpus.folder / "texts.parquet", temporary / "texts.parquet")
            keep = np.ones(len(corpus.pairs), bool)
            keep[list(reasons)] = False
            pairs = corpus.pairs.filter(pa.array(keep))
            pq.write_table(pairs, temporary / "pairs.parquet")
            quarantine = _quarantine(corpus, reasons, temporary / "quarantine.jsonl")
            manifest = {**corpus.manifest, **_counts(pairs), "digest": digest}
            manifest["screened"] = {"pairs": len(reasons), "corpus": corpus.digest}
            total = Counter(manifest["reasons"]) + quarantine.reasons
            manifest["reasons"] = dict(total.most_common())
            manifest["examples"] = {**quarantine.examples, **manifest["examples"]}
            storage.write_json(temporary / "manifest.json", manifest)
    return Corpus(folder)


def _quarantine(corpus: Corpus, reasons: dict[int, str], path: Path) -> Quarantine:
    """Write the quarantine of a corpus with the pairs that are left out at its end."""
    positions = sorted(reasons)
    columns = (corpus.questions, corpus.answers)
    questions, answers = (corpus.texts(rows[positions]) for rows in columns)
    sources = corpus.pairs["source"].take(positions).to_pylist()
    shutil.copyfile(corpus.folder / "quarantine.jsonl", path)
    with path.open("a", encoding="utf-8") as file:
        quarantine = Quarantine(file)
        for i, question, answer, source in zip(positions, questions, answers, sources, strict=True):
            row = Row(source, i, {"question": question, "answer": answer})
            quarantine.add(row, reasons[i])
    return quarantine


def _counts(pairs: pa.Table) -> dict[str, Any]:
    sources = pairs["source"].value_counts().to_pylist()
    return {
        "pairs": len(pairs),
        "dialogue_pairs": len(pairs) - pairs["dialogue"].null_count,
        "distinct_answers": len(pairs["answer"].unique()),
        "groups": len(pairs["group"].unique()),
        "pairs_by_source": {s["values"]: s["counts"] for s in sources},
    }
