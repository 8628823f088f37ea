"""Evidently's part in watching drift: a classifier's score, a page, and a workspace over time.

Importing this module imports Evidently (seconds): do so inside a function.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
from evidently.legacy.renderers.html_widgets import CounterData, counter, plotly_figure
from evidently.metrics.embeddings import ModelDriftMethod
from evidently.sdk.models import PanelMetric
from evidently.sdk.panels import line_plot_panel
from evidently.tests import lte
from evidently.ui.workspace import Workspace
from jaxtyping import Float

from cube.drift.judgement import Judgement, judge, random_parts

_EMBEDDING = "questions"
_SHUFFLES = 4  # the classifier trains on one half of the rows: average over several halvings
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


def snapshot_of(
    judgements: list[Judgement],
    current: Rows,
    reference: Rows,
    history: list[dict[str, Any]],
    at: datetime,
) -> Any:
    """Return an Evidently snapshot with a metric and a test for every judgement.

    Args:
        judgements: what was found.
        current: new vectors, shown in two components beside the reference.
        reference: known vectors.
        history: earlier results, oldest first, each with `at` and `scores`.
        at: time of the snapshot.
    """
    columns = [f"e{i}" for i in range(current.shape[1])]
    definition = DataDefinition(embeddings={_EMBEDDING: columns}, numerical_columns=[])
    new, old = (
        Dataset.from_pandas(pd.DataFrame(rows, columns=columns), data_definition=definition)
        for rows in (current, reference)
    )
    metrics = [
        DriftScore(
            method=judgement.method,
            score=judgement.score,
            null_scores=judgement.null_scores,
            trend=_trend(history, judgement, at),
            tests=[lte(judgement.threshold)],
        )
        for judgement in judgements
    ]
    return Report([*metrics, Components()]).run(new, old, timestamp=at)


def save_page(snapshot: Any, page: Path) -> None:
    """Save a snapshot as one HTML file that needs no network."""
    page.parent.mkdir(parents=True, exist_ok=True)
    temporary = page.with_name(f".{page.name}")
    snapshot.save_html(str(temporary))
    temporary.replace(page)


def add_to_workspace(folder: Path, name: str, snapshot: Any, methods: list[str]) -> None:
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


class DriftScore(SingleValueMetric):
    """Evidently metric: a score judged by `cube.drift`, with what it would be without drift."""

    method: str
    score: float
    null_scores: list[float]
    trend: list[tuple[str, float]]


class DriftScoreCalculation(SingleValueCalculation[DriftScore]):
    """Hands the score to the report and draws its widgets."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None):
        """Return the score with a counter and two figures."""
        metric = self.metric
        result = self.result(metric.score)
        result.widget = [
            counter(counters=[CounterData(metric.method, f"{metric.score:.4g}")]),
            plotly_figure(
                title="Without drift (random parts of the reference) and now",
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


def _trend(
    history: list[dict[str, Any]], judgement: Judgement, at: datetime
) -> list[tuple[str, float]]:
    """Return (time, score relative to its threshold) of this method, oldest first."""
    past = [
        (entry["at"], entry["scores"][judgement.method])
        for entry in history
        if judgement.method in entry["scores"]
    ]
    return [*past, (at.isoformat(timespec="seconds"), judgement.score / judgement.threshold)]


def _null_figure(metric: DriftScore) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure(go.Histogram(x=metric.null_scores, nbinsx=20, name="without drift"))
    figure.add_vline(x=metric.score, line_dash="dash", annotation_text="now")
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
