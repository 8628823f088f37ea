"""`cube ingest` and `cube embed`: from files to a corpus, from a corpus to vectors."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cube.commands.options import ConfigFile, Overrides, print_json
from cube.errors import ConfigError


def ingest(
    *paths: Annotated[str, Parameter(allow_leading_hyphen=True)],
    out: Path,
    explain: Annotated[bool, Parameter(negative=())] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> None:
    """Read files and folders into a corpus under OUT and print its manifest.

    Args:
        paths: files, folders, patterns or - (standard input); none: the sources of the config.
        out: folder of corpora; the corpus gets a sub-folder named by its digest.
        explain: print a page a person can read instead of JSON.
    """
    from cube.config import load_config
    from cube.data.corpus import build_corpus
    from cube.data.explain import explain_manifest
    from cube.data.sources import STDIN

    if unknown := [path for path in paths if path.startswith("-") and path != STDIN]:
        raise ConfigError(f"Unknown option: {unknown[0]}. A file of that name is ./{unknown[0]}.")
    if out.is_file():
        raise ConfigError(f"--out {out} is a file: name the folder that corpora go to.")
    corpus = build_corpus(load_config(config, overrides).data, out, list(paths) or None)
    if explain:
        sys.stdout.write(explain_manifest(corpus.manifest))
    else:
        print_json(corpus.manifest)
    sys.stdout.write(f"Corpus: {corpus.folder}\n")


def embed(*, config: ConfigFile = None, overrides: Overrides = None) -> None:
    """Ingest the sources of a config and encode what the cache lacks."""
    from cube import steps
    from cube.config import load_config

    settings = load_config(config, overrides)
    vectors = steps.embed(settings, steps.ingest(settings))
    print_json(vectors.manifest)
    sys.stdout.write(f"This run: {vectors.hits} hits, {vectors.misses} misses\n")
    sys.stdout.write(f"Vectors: {vectors.folder}\n")
