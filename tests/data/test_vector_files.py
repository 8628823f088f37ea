"""Ready-made vectors: the same matrix from every format; nothing runs, nothing broken passes."""

import os
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from cube.data.vector_files import read_vectors
from cube.errors import DataError
from tests.data.helpers import run_command

MATRIX = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
WORDS = [f"w{i}" for i in range(50)]


class Evil:
    """Creates a folder when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def write(path, matrix=MATRIX):
    if path.suffix == ".npy":
        np.save(path, matrix)
    elif path.suffix == ".npz":
        np.savez_compressed(path, vectors=matrix)
    elif path.suffix == ".safetensors":
        save_file({"vectors": matrix}, path)
    elif path.suffix == ".pt":
        torch.save(torch.from_numpy(matrix), path)
    elif path.name == "fixed.parquet":
        flat = pa.array(matrix.ravel())
        column = pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
        pq.write_table(pa.table({"id": WORDS, "vector": column}), path)
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"vector": list(matrix)}), path, row_group_size=20)
    elif path.suffix == ".bin":
        rows = [w.encode() + b" " + v.tobytes() + b"\n" for w, v in zip(WORDS, matrix, strict=True)]
        path.write_bytes(f"{len(matrix)} {matrix.shape[1]}\n".encode() + b"".join(rows))
    else:
        rows = [
            f"{w} {' '.join(map(repr, v.tolist()))}\n" for w, v in zip(WORDS, matrix, strict=True)
        ]
        head = f"{len(matrix)} {matrix.shape[1]}\n" if path.suffix == ".vec" else ""
        path.write_text(head + "".join(rows))
    return path


FORMATS = ["a.npy", "a.npz", "a.safetensors", "a.pt", "a.parquet", "fixed.parquet", "a.bin",
           "a.vec", "glove.txt"]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_matrix_comes_out(tmp_path, name):
    np.testing.assert_array_equal(read_vectors(write(tmp_path / name)), MATRIX)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off(tmp_path, name):
    path = write(tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 40] if "txt" not in name else data[:-12] + b"x")
    with pytest.raises(DataError):
        read_vectors(path)
    path.write_bytes(b"")
    with pytest.raises(DataError):
        read_vectors(path)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_values_nothing_can_be_learned_from(tmp_path, name, bad):
    matrix = MATRIX.copy()
    matrix[3] = bad
    with pytest.raises(DataError, match=rf"rows \[3\].*{'NaN' if bad != 0 else 'all zeros'}"):
        read_vectors(write(tmp_path / name, matrix))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors", "a.pt", "a.parquet"])
def test_other_floats(tmp_path, name, dtype):
    matrix = read_vectors(write(tmp_path / name, MATRIX.astype(dtype)))
    assert matrix.dtype == dtype
    np.testing.assert_array_equal(matrix, MATRIX.astype(dtype))


@pytest.mark.parametrize("matrix", [MATRIX[0], MATRIX[None], MATRIX.astype(int), MATRIX[:0]])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors", "a.pt"])
def test_what_is_no_matrix_of_floats(tmp_path, name, matrix):
    with pytest.raises(DataError):
        read_vectors(write(tmp_path / name, np.ascontiguousarray(matrix)))


def test_too_large_for_float32(tmp_path):
    matrix = MATRIX.astype(np.float64)
    matrix[2, 2] = 1e300
    with pytest.raises(DataError, match="float32 cannot hold"):
        read_vectors(write(tmp_path / "a.npy", matrix))


@pytest.mark.parametrize(("size", "said"), [(1e25, "cannot hold"), (1e-14, "too near to tell")])
def test_vectors_whose_length_float32_cannot_hold(tmp_path, size, said):
    matrix = MATRIX.copy()
    matrix[2] *= size
    with pytest.raises(DataError, match=rf"rows \[2\].*{said}"):
        read_vectors(write(tmp_path / "a.npy", matrix))


def test_rows_of_different_length(tmp_path):
    pq.write_table(pa.table({"v": [[1.0, 2.0], [1.0]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 1 has 1 dimensions"):
        read_vectors(tmp_path / "a.parquet")
    pq.write_table(pa.table({"v": [[1.0, 2.0], None]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="row 1 has no vector"):
        read_vectors(tmp_path / "b.parquet")
    (tmp_path / "a.vec").write_text("a 1 2\nb 1\n")
    with pytest.raises(DataError, match="line 2 has 1 numbers, others have 2"):
        read_vectors(tmp_path / "a.vec")


def test_one_of_several_arrays_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", one=MATRIX, two=MATRIX[:5])
    np.testing.assert_array_equal(read_vectors(tmp_path / "a.npz#two"), MATRIX[:5])
    with pytest.raises(DataError, match="There are: one, two"):
        read_vectors(tmp_path / "a.npz")
    torch.save({"x": torch.ones(2, 2), "y": 5}, tmp_path / "a.pt")
    assert read_vectors(tmp_path / "a.pt").shape == (2, 2)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt"])
def test_pickles_do_not_run(tmp_path, name):
    target, path = tmp_path / "ran", tmp_path / name
    if name == "a.npy":
        np.save(path, np.array([Evil(target)], object), allow_pickle=True)
    elif name == "a.npz":
        np.savez(path, a=np.array([Evil(target)], object))
    else:
        path.write_bytes(pickle.dumps(Evil(target)))
    with pytest.raises(DataError, match="runs code"):
        read_vectors(path)
    torch.save(Evil(target), tmp_path / "b.pt")
    with pytest.raises(DataError, match="runs code"):
        read_vectors(tmp_path / "b.pt")
    assert not target.exists()


def test_a_zip_that_climbs_out_or_blows_up(tmp_path):
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("../../slipped.npy", write(tmp_path / "m.npy").read_bytes())
    np.testing.assert_array_equal(read_vectors(folder / "a.npz"), MATRIX)  # read, not extracted
    assert not list(tmp_path.rglob("slipped*"))
    with zipfile.ZipFile(folder / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(100_000_000))
    with pytest.raises(DataError, match="bomb"):
        read_vectors(folder / "b.npz")


def test_headers_that_claim_too_much(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"99999999999 300\nword ")
    with pytest.raises(DataError, match="cut off"):
        read_vectors(tmp_path / "a.bin")
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(DataError, match="safetensors"):
        read_vectors(tmp_path / "a.safetensors")


def test_odd_files_and_the_command_line(tmp_path, capsys):
    os.mkfifo(tmp_path / "a.npy")
    (tmp_path / "dir.npy").mkdir()
    (tmp_path / "a.docx").write_text("x")
    for path in (
        tmp_path / "a.npy",
        tmp_path / "dir.npy",
        tmp_path / "no.npy",
        tmp_path / "a.docx",
    ):
        with pytest.raises(DataError):
            read_vectors(path)
    words = ["fit", "--queries", tmp_path / "no.npz", "--answers", tmp_path / "a.npy",
             "--out", tmp_path / "model"]  # fmt: skip
    code, _, error = run_command(words, capsys)
    assert code == 2
    assert "Traceback" not in error
