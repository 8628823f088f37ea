"""Drift where Evidently takes part: its classifier among the measures, a page, and a workspace.

Importing this module imports Evidently (seconds): do so inside a function.
"""

import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
from evidently.legacy.renderers.html_widgets import (
    CounterData,
    counter,
    plotly_figure,
    table_data,
    text_widget,
)
from evidently.metrics.embeddings import ModelDriftMethod
from evidently.sdk.models import PanelMetric
from evidently.sdk.panels import line_plot_panel
from evidently.tests import lte
from evidently.ui.workspace import Workspace
from jaxtyping import Float

from cube import storage
from cube.config import Config, DriftConfig
from cube.drift.judgement import Judgement, judge, random_parts
from cube.drift.mmd import judge_mmd
from cube.drift.properties import judge_properties
from cube.drift.samples import Sample
from cube.drift.words import HOW_JUDGED, sees, what_to_do
from cube.report.numbers import compact, count

_EMBEDDING = "questions"
_SHOWN_HISTORY = 200  # of the trend
_SHUFFLES = 4  # the classifier trains on one half of the rows: average over several halvings
# Evidently's page grows to the width of its figures and hides what a phone has no room for.
_STYLE = ".MuiGrid-root { max-width: 100%; } .MuiPaper-root { overflow-x: auto; }"
_SMALLEST = 0.55  # an AUC of 0.55 is an effect of 0.18 standard deviations: hardly worth retraining

Rows = Float[np.ndarray, "rows dim"]


def judge_domain(current: Rows, reference: Rows, splits: int, deviations: float) -> Judgement:
    """Compare vectors by how well Evidently's domain classifier tells them apart."""
    masks = random_parts(len(reference), len(current), splits)
    null_scores = [domain_auc(reference[m], reference[~m], i) for i, m in enumerate(masks)]
    score = domain_auc(current, reference)
    return judge("domain classifier AUC", score, np.array(null_scores), deviations, _SMALLEST)


def domain_auc(current: Rows, reference: Rows, seed: int = 0) -> float:
    """Return the mean ROC AUC of a classifier over random halvings; 0.5 is chance."""
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(_SHUFFLES):
        # The method halves by a fixed seed, so another order of rows is another halving.
        shuffled = [pd.DataFrame(generator.permutation(rows)) for rows in (current, reference)]
        scores.append(ModelDriftMethod()(*shuffled)[0])
    return float(np.nanmean(scores))  # NaN: a half without a single current row


def compare(current: Sample, reference: Sample, config: DriftConfig) -> list[Judgement]:
    """Judge vectors by two methods, and texts where both sides have them."""
    vectors = (current.vectors, reference.vectors)
    judgements = [
        judge_mmd(*vectors, config.deviations),
        judge_domain(*vectors, config.splits, config.deviations),
    ]
    if current.texts and reference.texts:
        judgements += judge_properties(current.texts, reference.texts, config.deviations)
    return judgements


def show(
    config: Config,
    page: Path,
    judgements: list[Judgement],
    current: Sample,
    reference: Sample,
    against: str,
) -> list[dict[str, Any]]:
    """Write a page that needs no network, add to workspace and history; return the history.

    Args:
        config: says whose history it is.
        page: HTML file to write.
        judgements: what was found, each a metric and a test.
        current: recent questions, shown in two components beside the reference.
        reference: known questions.
        against: their name.
    """
    folder = config.home / "drift" / config.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "history.jsonl"
    at = datetime.now(UTC)
    entry = {
        "at": at.isoformat(timespec="seconds"),
        "reference": against,
        "scores": {j.method: j.score / j.threshold for j in judgements},
    }
    history = [*storage.read_json_lines(path)[-_SHOWN_HISTORY:], entry]
    found = sum(j.drifted for j in judgements)
    new, known = (count(len(sample.vectors)) for sample in (current, reference))
    compared = f"{new} new questions (data.recent) against {known} known ones ({against})."
    summary = Summary(
        found=found,
        text=f"{compared} **{what_to_do(found > 0)}** {HOW_JUDGED}",
        rows=[_row(judgement) for judgement in judgements],
    )
    report = Report([summary, *(_metric(j, history) for j in judgements), Components()])
    snapshot = report.run(*_datasets(current.vectors, reference.vectors), timestamp=at)
    html = snapshot.get_html_str(as_iframe=False)
    head = f"<head><title>Drift of {escape(config.name)}</title><style>{_STYLE}</style>"
    storage.write_bytes(page, html.replace("<head>", head, 1).encode())
    methods = [judgement.method for judgement in judgements]
    _add_to_workspace(folder.parent / "workspace", config.name, snapshot, methods)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return history


def _metric(judgement: Judgement, history: list[dict[str, Any]]) -> "DriftScore":
    method = judgement.method
    return DriftScore(
        method=method,
        score=judgement.score,
        threshold=judgement.threshold,
        null_scores=judgement.null_scores,
        trend=[(e["at"], e["scores"][method]) for e in history if method in e["scores"]],
        tests=[lte(judgement.threshold)],
    )


def _row(judgement: Judgement) -> list[str]:
    return [
        judgement.method,
        "drift" if judgement.drifted else "no drift",
        compact(judgement.score),
        compact(judgement.threshold),
        sees(judgement.method),
    ]


def _datasets(*samples: Rows) -> list[Dataset]:
    columns = [f"e{i}" for i in range(samples[0].shape[1])]
    definition = DataDefinition(embeddings={_EMBEDDING: columns}, numerical_columns=[])
    frames = (pd.DataFrame(rows, columns=columns) for rows in samples)
    return [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]


def _add_to_workspace(folder: Path, name: str, snapshot: Any, methods: list[str]) -> None:
    """Add a snapshot to the project `name` of a workspace, for `evidently ui`."""
    workspace = Workspace.create(str(folder))
    found = workspace.search_project(name)
    project = found[0] if found else workspace.create_project(name)
    shown = {panel.title for panel in project.dashboard.model().panels}
    for method in methods:
        if method not in shown:
            metric = PanelMetric(
                legend=method, metric="DriftScore", metric_labels={"method": method}
            )
            project.dashboard.add_panel(line_plot_panel(title=method, values=[metric]))
    workspace.add_run(project.id, snapshot, include_data=False)


class Summary(SingleValueMetric):
    """Evidently metric: how many measures found drift, and in words what was compared."""

    found: int
    text: str
    rows: list[list[str]]


class SummaryCalculation(SingleValueCalculation[Summary]):
    """Says what the page is about."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None):
        """Return the number of measures above their threshold with text and table."""
        metric = self.metric
        result = self.result(metric.found)
        columns = ["measure", "verdict", "new questions", "threshold", "what it sees"]
        result.widget = [
            text_widget(title="Drift" if metric.found else "No drift", text=metric.text),
            table_data(column_names=columns, data=metric.rows),
        ]
        return result

    def display_name(self) -> str:
        """Return the name shown in the report."""
        return "Measures that found drift"


class DriftScore(SingleValueMetric):
    """Evidently metric: a score judged by `cube.drift`, with what it would be without drift."""

    method: str
    score: float
    threshold: float | None = None  # of snapshots that are older than it
    null_scores: list[float]
    trend: list[tuple[str, float]]  # (time, score relative to its threshold), oldest first


class DriftScoreCalculation(SingleValueCalculation[DriftScore]):
    """Hands the score to the report and draws its widgets."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None):
        """Return the score with a counter and two figures."""
        metric = self.metric
        result = self.result(metric.score)
        result.widget = [
            counter(
                counters=[
                    CounterData(metric.method, compact(metric.score)),
                    CounterData("threshold", compact(metric.threshold)),
                ]
            ),
            plotly_figure(
                title="Without drift (random parts of the known questions) and now",
                figure=_null_figure(metric),
            ),
            plotly_figure(title="Over time", figure=_trend_figure(metric)),
        ]
        return result

    def display_name(self) -> str:
        """Return the name shown in the report."""
        return self.metric.method


class Components(SingleValueMetric):
    """Evidently metric: variance that two components of all vectors together explain."""


class ComponentsCalculation(SingleValueCalculation[Components]):
    """Computes the components and draws them."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None):
        """Return the share of variance with a scatter plot."""
        from sklearn.decomposition import PCA

        assert reference_data is not None
        columns = context.data_definition.embeddings[_EMBEDDING]
        current, reference = (
            data.as_dataframe()[columns].to_numpy() for data in (current_data, reference_data)
        )
        # Fitted on both: components of the reference alone call every new sample different.
        pca = PCA(2, random_state=0)
        points = pca.fit_transform(np.vstack([reference, current]))
        result = self.result(float(pca.explained_variance_ratio_.sum()))
        figure = _points_figure(points[: len(reference)], points[len(reference) :])
        result.widget = [plotly_figure(title=self.display_name(), figure=figure)]
        return result

    def display_name(self) -> str:
        """Return the name shown in the report."""
        return "Two principal components of both together"


def _null_figure(metric: DriftScore) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure(go.Histogram(x=metric.null_scores, nbinsx=20, name="without drift"))
    figure.add_vline(x=metric.score, line_dash="dash", annotation_text="now")
    figure.add_vline(x=metric.threshold, line_dash="dot", annotation_text="threshold")
    return figure.update_layout(xaxis_title=metric.method, yaxis_title="random parts")


def _trend_figure(metric: DriftScore) -> Any:
    import plotly.graph_objects as go

    times, scores = zip(*metric.trend, strict=True)
    figure = go.Figure(go.Scatter(x=times, y=scores, mode="lines+markers"))
    figure.add_hline(y=1, line_dash="dash", annotation_text="threshold")
    return figure.update_layout(yaxis_title="score / threshold")


def _points_figure(reference: Rows, current: Rows) -> Any:
    import plotly.graph_objects as go

    parts = (("reference", reference), ("current", current))
    figure = go.Figure(
        [
            go.Scatter(x=xy[:, 0], y=xy[:, 1], mode="markers", name=name, marker={"opacity": 0.5})
            for name, xy in parts
        ]
    )
    return figure.update_layout(xaxis_title="component 1", yaxis_title="component 2")
