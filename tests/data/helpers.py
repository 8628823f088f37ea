"""What the tests of reading share."""

import json
from pathlib import Path

from cube.config import DataConfig
from cube.data.corpus import Corpus, build_corpus
from tests.conftest import call


def ingest(tmp_path: Path, *paths: Path | str, **settings) -> Corpus:
    """Build a corpus of files."""
    config = DataConfig(sources=[str(path) for path in paths], **settings)
    return build_corpus(config, tmp_path / "corpora")


def pairs_of(corpus: Corpus) -> list[tuple[str, str]]:
    """Return question and answer of every pair."""
    texts = corpus.texts()
    questions, answers = corpus.questions.tolist(), corpus.answers.tolist()
    return [(texts[q], texts[a]) for q, a in zip(questions, answers, strict=True)]


def quarantine_of(corpus: Corpus) -> list[dict]:
    """Return the rejected rows."""
    lines = (corpus.folder / "quarantine.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def run_command(arguments: list, capsys) -> tuple[int, str, str]:
    """Run a command; return exit code, standard output and standard error."""
    code, printed = call(*arguments), capsys.readouterr()
    return code, printed.out, printed.err
