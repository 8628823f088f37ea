"""Filling the cache ahead of the night: in this process, or in several that Dask runs."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from cube.errors import ConfigError
from cube.teacher.vectors import Vectors
from flows.embed_corpus import embed_corpus
from tests.flows.project import make_project

WITHOUT_DASK = importlib.util.find_spec("prefect_dask") is None


@pytest.mark.skipif(not WITHOUT_DASK, reason="the extra dask is installed")
def test_several_processes_without_dask_say_what_to_install(prefect_server, tmp_path):
    with pytest.raises(ConfigError, match=r"pip install 'cube-lattice\[dask\]'"):
        embed_corpus(str(make_project(tmp_path)), workers=2)


@pytest.mark.slow
@pytest.mark.skipif(WITHOUT_DASK, reason="needs the extra dask")
def test_processes_of_dask_fill_one_cache(prefect_server, tmp_path):
    config = str(make_project(tmp_path))
    alone = embed_corpus(config, [f"home={tmp_path / 'alone'}"])
    shared = embed_corpus(config, [f"home={tmp_path / 'shared'}"], workers=2)
    assert shared["digest"] == alone["digest"]
    one, other = (Vectors(Path(result["folder"])).matrix for result in (alone, shared))
    # Batches are divided in another way, which shifts the last bits of a vector.
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert shared["hits"] == alone["hits"] + alone["misses"]
    assert shared["misses"] == 0  # the processes had done it all
