import pytest

from cube.config import Config, parse_config


@pytest.fixture
def tiny_config(small_config: Config, tmp_path) -> Config:
    """The small config on 60 pairs only, with recent questions of other topics."""
    lines = (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()[:60]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines), "utf-8")
    values = small_config.model_dump(mode="json")
    values["data"]["sources"] = [str(tmp_path / "pairs.jsonl")]
    return parse_config(values)
