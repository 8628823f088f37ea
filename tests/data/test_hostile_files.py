"""Files nobody should have to trust: one clear error and exit code 2, and nothing else happens."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cube import steps
from cube.config import Config, DataConfig
from cube.data import corpus as corpus_module
from cube.data.sources import find_files
from cube.errors import DataError
from tests.data.helpers import ingest, quarantine_of, run_command

LINE = json.dumps({"question": "a", "answer": "b"}) + "\n"


def refused(tmp_path, capsys, *paths) -> str:
    """Run `cube ingest`, check that it fails with one sentence and leaves nothing, return it."""
    out = tmp_path / "out"
    code, printed, error = run_command(["ingest", *paths, "--out", out], capsys)
    assert code == 2
    assert printed == ""
    assert "Traceback" not in error
    assert error.startswith("cube: ")
    assert len(error.strip().splitlines()) == 1
    assert not out.exists() or not list(out.iterdir())
    return error


def cut(path: Path, share: float = 0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.jsonl.gz"])
def test_empty_files(tmp_path, capsys, name):
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    assert "No rows" in refused(tmp_path, capsys, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"question": "a", "answer": "b"}, {"question": '),
        ("a.json", b'[{"question": "a"} {"question": "b"}]'),
        ("a.json", b'[{"question": "a"}] and more'),
        ("a.json", b'{"data": [{"question": NaN}]}'),
        ("a.json", b"[" * 200_000),
        ("a.json", b'[{"question": "\xff"}]'),
        ("a.parquet", b"PAR1 but nothing else PAR1"),
        ("a.jsonl.gz", b"not gzip at all"),
        ("a.jsonl.zst", b"not zstd at all"),
        ("a.csv", b"question,question\na,b\n"),
        ("a.csv", b'"question,answer\na,b\n'),
        ("a.txt", b"\xff\xfe\x00\x00a\x00\x00\x00"),
    ],
)
def test_broken_files(tmp_path, capsys, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, capsys, tmp_path / name)


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz", "a.jsonl.zst"])
def test_files_cut_off_by_an_interrupted_copy(tmp_path, capsys, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        texts = [os.urandom(20).hex() for _ in range(500)]
        pq.write_table(pa.table({"question": texts, "answer": texts[::-1]}), path)
    else:
        codec = "gzip" if name.endswith("gz") else "zstd"
        with pa.CompressedOutputStream(str(path), codec) as stream:
            for _ in range(500):
                row = {"question": os.urandom(20).hex(), "answer": os.urandom(20).hex()}
                stream.write(json.dumps(row).encode() + b"\n")
    cut(path)
    assert "cut off or corrupt" in refused(tmp_path, capsys, path)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_decompression_bomb_is_stopped(tmp_path, capsys, suffix):
    path = tmp_path / f"a.jsonl{suffix}"
    codec = "gzip" if suffix == ".gz" else "zstd"
    with pa.CompressedOutputStream(str(path), codec) as stream:
        for _ in range(300):
            stream.write(b" " * 1_000_000 + b"\n")
    assert "bomb" in refused(tmp_path, capsys, path)


def test_a_parquet_file_that_claims_absurd_sizes(tmp_path, capsys, monkeypatch):
    from cube.data.formats import parquet

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["same"] * 100_000}), path)
    monkeypatch.setattr(parquet, "_FREE_ROWS", 1_000)
    monkeypatch.setattr(parquet, "_MAX_ROWS_PER_BYTE", 10)
    assert "bomb" in refused(tmp_path, capsys, path)


def test_wrong_column_types_are_quarantined(tmp_path):
    table = pa.table({"question": ["a", "c"], "answer": pa.array([[1], [2]])})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="answer 1 is int, not text"):
        ingest(tmp_path, tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["data.pkl", "data.pt", "data.docx", "data", "data.zip"])
def test_formats_that_are_not_supported(tmp_path, capsys, name):
    (tmp_path / name).write_bytes(b"x")
    assert "unknown format" in refused(tmp_path, capsys, tmp_path / name)


def test_pipes_devices_and_sockets(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "named pipe" in refused(tmp_path, capsys, tmp_path / "pipe.jsonl")
    assert "character device" in refused(tmp_path, capsys, "/dev/zero")
    (tmp_path / "link.jsonl").symlink_to("/dev/zero")
    assert "character device" in refused(tmp_path, capsys, tmp_path / "link.jsonl")


def test_a_folder_passes_over_what_is_no_data_and_says_so(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "good.jsonl").write_text(LINE)
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    (folder / "gone.jsonl").symlink_to("nowhere")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "self.jsonl").symlink_to("self.jsonl")
    corpus = ingest(tmp_path, folder)
    assert corpus.manifest["rows"]["read"] == 1
    skipped = {entry["file"]: entry["reason"] for entry in corpus.manifest["skipped"]}
    assert skipped.keys() == {"pipe.jsonl", "zero.jsonl", "gone.jsonl", "sub/up", "self.jsonl"}
    assert "already read" in skipped["sub/up"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_names_that_are_not_utf_8_are_written_out(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.jsonl")).write_text(LINE + '{"question": "c"}\n')
    (folder / os.fsdecode(b"\xff.doc")).touch()
    corpus = ingest(tmp_path, folder)
    assert [source["file"] for source in corpus.manifest["sources"]] == ["caf\\xe9.jsonl"]
    assert [entry["file"] for entry in corpus.manifest["skipped"]] == ["\\xff.doc"]
    assert [row["file"] for row in quarantine_of(corpus)] == ["caf\\xe9.jsonl"]


def test_what_was_written_is_never_read_back(tmp_path, monkeypatch):
    """A folder or pattern may reach into the home folder, a place inside it may be named."""
    monkeypatch.chdir(tmp_path)
    config = Config(home=Path("var"), data=DataConfig(sources=["."]))
    (tmp_path / "a.jsonl").write_text(LINE)
    (tmp_path / "var" / "data").mkdir(parents=True)
    (tmp_path / "var" / "data" / "b.jsonl").write_text(LINE.replace('"a"', '"c"'))
    first = steps.ingest(config)
    assert first.manifest["rows"]["read"] == 1
    assert first.manifest["skipped"] == [
        {"file": "var", "reason": "is where what is read is written to"}
    ]
    (tmp_path / "var" / "runs").mkdir()
    (tmp_path / "var" / "runs" / "metrics.jsonl").write_text(LINE.replace('"a"', '"d"'))
    assert steps.ingest(config).folder == first.folder
    assert steps.ingest(config, ["**/*.jsonl"]).manifest["rows"]["read"] == 1
    for inside in ("var/data", "var/data/*.jsonl", "var/data/b.jsonl"):
        assert steps.ingest(config, [inside]).manifest["rows"]["read"] == 1
    with pytest.raises(DataError, match="where what is read from it would be written"):
        steps.ingest(config, ["var"])


def test_links_that_lead_nowhere_or_in_circles(tmp_path, capsys):
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    (tmp_path / "gone.jsonl").symlink_to("nowhere")
    assert "symbolic links" in refused(tmp_path, capsys, tmp_path / "loop.jsonl")
    assert "broken link" in refused(tmp_path, capsys, tmp_path / "gone.jsonl")
    assert "does not exist" in refused(tmp_path, capsys, tmp_path / "never.jsonl")
    assert "NUL" in refused(tmp_path, capsys, "a\0b.jsonl")
    refused(tmp_path, capsys, "x" * 5_000 + ".jsonl")


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    # A regular file whose first byte cannot be read, for the superuser neither.
    (tmp_path / "memory.jsonl").symlink_to("/proc/self/mem")
    assert "Cannot read" in refused(tmp_path, capsys, tmp_path / "memory.jsonl")


def test_a_folder_named_like_a_file_is_a_folder(tmp_path, capsys):
    (tmp_path / "a.jsonl").mkdir()
    assert "No data file in folder" in refused(tmp_path, capsys, tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl" / "b.jsonl").write_text(LINE)
    assert len(find_files(tmp_path / "a.jsonl").files) == 1


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text(LINE)
    hashed = corpus_module._sha256

    def hash_and_touch(file):
        digest = hashed(file)
        with path.open("a") as more:
            more.write(LINE)
        return digest

    monkeypatch.setattr(corpus_module, "_sha256", hash_and_touch)
    with pytest.raises(DataError, match="changed while it was read"):
        ingest(tmp_path, path)


def test_a_full_disk(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"question": f"{i} {os.urandom(40).hex()}", "answer": "b"} for i in range(4_000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = (  # a limit on file sizes stands in for a disk that takes no more
        "import resource, sys; from cube.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "main(['ingest', sys.argv[1], '--out', sys.argv[2]])"
    )
    command = [sys.executable, "-c", code, path, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "too large" in done.stderr or "No space" in done.stderr
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("out", ["/proc/cube-out", "file/out"])
def test_an_output_folder_that_cannot_be_written(tmp_path, capsys, out):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "a.jsonl").write_text(LINE)
    code, _, error = run_command(["ingest", tmp_path / "a.jsonl", "--out", tmp_path / out], capsys)
    assert code == 2
    assert "Traceback" not in error


def test_an_output_folder_that_is_a_file_of_data(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text(LINE)
    code, _, error = run_command(["ingest", path, "--out", path], capsys)
    assert (code, path.read_text()) == (2, LINE)
    assert "a.jsonl is a file: name the folder" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_a_read_only_output_folder(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text(LINE)
    (tmp_path / "out").mkdir(mode=0o555)
    code, _, error = run_command(
        ["ingest", tmp_path / "a.jsonl", "--out", tmp_path / "out"], capsys
    )
    assert code == 2
    assert "Permission" in error


def test_yaml_tags_do_not_run(tmp_path, capsys):
    target = tmp_path / "ran"
    (tmp_path / "c.yaml").write_text(f"name: !!python/object/apply:os.mkdir [{target}]\n")
    code, _, error = run_command(
        ["ingest", "--config", tmp_path / "c.yaml", "--out", tmp_path / "out"], capsys
    )
    assert code == 2
    assert "not valid YAML" in error
    assert not target.exists()


def test_an_unknown_encoding_is_a_setting_error(tmp_path, capsys):
    for name in ("utf-99", "base64"):
        words = ["ingest", "--out", tmp_path, "--set", f"data.encoding={name}"]
        code, _, error = run_command(words, capsys)
        assert code == 2
        assert "data.encoding" in error
    with pytest.raises(ValueError, match="unknown field"):
        DataConfig(columns={"questoin": "q"})
