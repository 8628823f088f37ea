"""Errors a person can act on: what was wrong, where, and what to do next."""


def first_line(error: BaseException) -> str:
    """Return the first line of what another library says, to stand within a sentence of ours."""
    lines = str(error).strip().splitlines()
    return lines[0][:200].rstrip(".") if lines else type(error).__name__


class CubeError(Exception):
    """Base of every error caused by input, settings or files, never by a bug.

    The command line prints it as a sentence or two and exits with `exit_code`.
    """

    exit_code = 2


class ConfigError(CubeError):
    """A setting is unknown, out of range or contradicts another."""


class DataError(CubeError):
    """A data file cannot be used as a whole (single bad rows are quarantined instead)."""


class TeacherError(CubeError):
    """The teacher's weights cannot be found, verified or loaded."""


class ModelError(CubeError):
    """A saved cube cannot be loaded, or does not fit the teacher or the vectors at hand."""


class GateError(CubeError):
    """The gate says no: nothing is wrong with the input, but this version may not serve."""

    exit_code = 1


class TrainingInterruptedError(CubeError):
    """A training was told to stop and left a checkpoint: started again, it goes on from there."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number
