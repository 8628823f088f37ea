"""Fill the cache of embeddings, so that the night finds it warm; on several processes if asked."""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    parser = parser_of("embed_corpus", __doc__)
    parser.add_argument("--workers", type=int, default=1, help="processes that divide the texts")
    parser.add_argument("--dask-address", help="scheduler that shares the home folder")
    sys.exit(main(parser))

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from cube.config import Config, load_config
from cube.errors import ConfigError
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks import embedding
from tasks.data import ingest_data
from tasks.screening import screen_pairs

Workers = Annotated[int, Field(ge=1, le=256)]


@cube_flow("embed-corpus", "Ingest, then encode every text that the cache lacks.")
def embed_corpus(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
    workers: Workers = 1,
    dask_address: str | None = None,
) -> dict[str, Any]:
    """Return folder, digest and shape of the vector matrix.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
        workers: processes that divide the texts; more than 1 needs the extra `dask`.
        dask_address: scheduler that shares the home folder, such as tcp://host:8786; none: here.
    """
    config = load_config(Path(config_file), overrides)
    corpus = screen_pairs(config, ingest_data(config))
    if workers > 1 or dask_address:
        _warm_cache(config, corpus, workers, dask_address)
    return embedding.embed_corpus(config, corpus)


def _warm_cache(
    config: Config, corpus: dict[str, Any], workers: int, dask_address: str | None
) -> None:
    """Run the same step in several processes: each takes batches that no other has encoded yet."""
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise ConfigError(
            "More than one process needs Dask: pip install 'cube-lattice[dask]'."
        ) from None
    local = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "dashboard_address": None,
        "memory_limit": 0,  # a worker that spills or restarts loses more than it saves
    }
    runner = DaskTaskRunner(address=dask_address, cluster_kwargs=None if dask_address else local)
    with runner:
        futures = [
            runner.submit(embedding.embed_corpus, {"config": config, "corpus": corpus})
            for _ in range(workers)
        ]
        for future in futures:
            future.result()
