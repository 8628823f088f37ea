"""The command line. Thin: every command is one or two calls into the package.

Exit codes: 0 fine, 1 a gate or validation said no, 2 bad input or usage, 70 a bug, 75 a training
was told to stop and goes on when the command is given again, 130 or 143 stopped elsewhere.
"""

import logging
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from cube import __version__
from cube.commands import cache, data, models, report, train
from cube.commands.options import AsJson, ConfigFile, Overrides, print_json, printing
from cube.errors import ConfigError, CubeError, DataError, GateError

BAD_INPUT = 2
BUG = 70  # EX_SOFTWARE of sysexits.h

app = App(
    name="cube",
    version=__version__,
    help="Train a small 3D lattice network on embedding-to-embedding maps over a frozen encoder. "
    "With --debug, errors come with their traceback.",
)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("cube").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _leave)  # a training handles it in its own way
    code = 0
    try:
        with printing():
            code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except UnusedCliTokensError as error:
        surplus = ConfigError(
            f"Not expected: {' '.join(error.unused_tokens or [])}. A file of settings is named by "
            "--config, and several words of one text stand in quotes."
        )
        code = _fail(surplus, debug)
    except (CycloptsError, CubeError) as error:
        code = _fail(error, debug)
    except OSError as error:  # a full disk, a read-only folder: the person's machine, not a bug
        code = _fail(error, debug)
    except KeyboardInterrupt:
        code = 130
    except Exception:  # a bug, and no verdict: that is what 1 stands for
        traceback.print_exc()
        code = BUG
    sys.exit(code or 0)


def _leave(number: int, _: object) -> None:
    """Go through every `finally`, so that nothing of what is begun stays on the disk."""
    sys.exit(128 + number)


def _fail(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    sys.stderr.write(f"cube: {error}\n")
    return getattr(error, "exit_code", BAD_INPUT)


app.command(train.train)
app.command(train.demo)


@app.command
def fit(
    *,
    queries: Path,
    answers: Path,
    out: Path,
    seed: int | None = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> int:
    """Train on stored vectors alone: row i of ANSWERS answers row i of QUERIES.

    Equal answer rows count as one answer. Validation and a test part are split off; the verdict is
    on the test part. Exit code 1 if the gate says no; the model is written all the same. Without
    --config only the dialogue stages are trained: restoring is another goal and costs retrieval.

    Args:
        queries: matrix (pairs, dimensions) as .npy, .npz, .safetensors, .pt, .parquet, .vec …
        answers: matrix of the same shape.
        out: model folder to write.
        seed: of the training; overrides the config's.
    """
    from cube.fit import fit_settings, fit_vectors, read_vectors
    from cube.report.terminal import print_evaluation

    words = [*(overrides or []), *([] if seed is None else [f"training.seed={seed}"])]
    settings = fit_settings(config, words)
    values = fit_vectors(read_vectors(queries), read_vectors(answers), out, settings)
    print_evaluation(values)
    sys.stdout.write(f"Model: {out}\n")
    return 0 if values["verdict"]["promote"] else GateError.exit_code


@app.command
def apply(*, model: Path, vectors: Path, out: Path, index: Path | None = None) -> None:
    """Move stored vectors with a saved cube; rows of the result have length 1.

    Args:
        model: model folder.
        vectors: matrix (rows, dimensions), in any format `cube fit` reads.
        out: .npy file to write, float32.
        index: matrix of the answers that will be searched, which a cube that whitens fits itself
            to; without it, it stays fitted to those it was trained with.
    """
    import numpy as np

    from cube import storage
    from cube.fit import apply_model, read_vectors
    from cube.model import load_model

    if out.suffix != ".npy":
        raise DataError(f"{out}: vectors are written as .npy, name such a file.")
    answers = None if index is None else read_vectors(index)
    moved = apply_model(load_model(model), read_vectors(vectors), answers)
    storage.write_atomic(out, lambda file: np.save(file, moved))
    sys.stdout.write(f"{len(moved):,} vectors of {moved.shape[1]} dimensions: {out}\n")


@app.command
def evaluate(
    *,
    model: Path,
    queries: Path,
    answers: Path,
    as_json: AsJson = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
) -> int:
    """Judge a saved cube on stored vectors: row i of ANSWERS answers row i of QUERIES.

    The bank is all distinct rows of ANSWERS; a cube that whitens fits itself to them. Exit code 1
    if the gate says no.

    Args:
        model: model folder.
        queries: matrix (pairs, dimensions) as .npy, .npz, .safetensors, .pt, .parquet, .vec …
        answers: matrix of the same shape.
    """
    from cube.config import load_config
    from cube.fit import evaluate_vectors, read_vectors
    from cube.model import load_model
    from cube.report.terminal import print_evaluation

    settings = load_config(config, overrides).evaluation
    saved = load_model(model)
    values = evaluate_vectors(saved, read_vectors(queries), read_vectors(answers), settings)
    if as_json:
        print_json(values)
    else:
        print_evaluation(values)
    return 0 if values["verdict"]["promote"] else GateError.exit_code


app.command(data.ingest)
app.command(data.embed)
app.command(cache.app)
app.command(models.app)


@app.command
def ask(
    question: str,
    *,
    model: Path,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    count: int = 3,
) -> None:
    """Print the best answers of a trained cube with their scores.

    Args:
        question: what to answer.
        model: model folder.
        context: turns before the question, oldest first; may be given several times.
        count: how many answers.
    """
    from cube.pipeline import TextPipeline

    reply = TextPipeline(model).ask(question, context, count)
    for phrase in reply.phrases:
        sys.stdout.write(f"{phrase.score:.3f}  {phrase.text}\n")
    if reply.probability is not None:
        judgement = "" if reply.confident else "no confident answer: "
        sys.stderr.write(
            f"{judgement}the first is right with probability {reply.probability:.2f}\n"
        )


@app.command
def export(*, model: Path, out: Path, index: Path | None = None) -> None:
    """Write teacher and cube as one sentence-transformers model.

    Args:
        model: model folder.
        out: folder to write.
        index: matrix of the answers that will be searched, which a cube that whitens fits itself
            to; without it, it stays fitted to those it was trained with.
    """
    from cube.data.vector_files import read_vectors
    from cube.export.sentence_transformers import export_sentence_transformers

    answers = None if index is None else read_vectors(index)
    stock = export_sentence_transformers(model, out, answers)
    how = f"SentenceTransformer({str(out)!r}{'' if stock else ', trust_remote_code=True'})"
    sys.stdout.write(f"Model for sentence-transformers: {how}\n")


app.command(report.report)


if __name__ == "__main__":
    main()
