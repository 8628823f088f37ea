"""Suites of expectations that guard the data of a run, and the frames they are checked on.

The suites are JSON files beside this one, written to be read and edited by a person.
"""

from expectations.failures import ExpectationError, describe_failures, require_success
from expectations.frames import (
    curves_frame,
    dialogues_frame,
    embeddings_frame,
    pairs_frame,
    records_frame,
)
from expectations.suites import Suite, load_suite, rows_to_quarantine, validate

__all__ = [
    "ExpectationError",
    "Suite",
    "curves_frame",
    "describe_failures",
    "dialogues_frame",
    "embeddings_frame",
    "load_suite",
    "pairs_frame",
    "records_frame",
    "require_success",
    "rows_to_quarantine",
    "validate",
]
