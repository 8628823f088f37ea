"""Embedding drift as one number: how well a classifier tells new vectors from reference vectors.

The score is the ROC AUC of Evidently's domain classifier: 0.5 is chance, 1 is "all different". It
runs as a metric of an Evidently report, without Evidently's own embedding metric, whose t-SNE plot
takes most of a minute. Importing this module imports Evidently (seconds): do so inside a function.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
from evidently.legacy.renderers.html_widgets import CounterData, counter, plotly_figure
from evidently.metrics.embeddings import ModelDriftMethod
from evidently.tests import lte
from jaxtyping import Float

_EMBEDDING = "questions"
_SHUFFLES = 4  # the classifier trains on one half of the rows: average over several halvings
_SMALLEST_EXCESS = 0.05  # over chance. An AUC of 0.55 is an effect of 0.18 standard deviations:
# statistically there with enough rows, but nothing a person would retrain for.
_STANDARD_ERRORS = 2.0

Rows = Float[np.ndarray, "rows dim"]


def domain_auc(current: Rows, reference: Rows, seed: int = 0) -> float:
    """Return the mean AUC of a classifier over random halvings into training and test rows."""
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(_SHUFFLES):
        # The method halves by a fixed seed, so another order of rows is another halving.
        shuffled = [pd.DataFrame(generator.permutation(rows)) for rows in (current, reference)]
        scores.append(ModelDriftMethod()(*shuffled)[0])
    return float(np.nanmean(scores))  # NaN: a half without a single current row


def calibrate(
    reference: Rows, current_rows: int, splits: int, quantile: float
) -> tuple[float, list[float]]:
    """Return a threshold for `domain_auc` and the scores without drift behind it.

    Random parts of the reference, as large as the comparison, are scored against the rest. The
    threshold is the quantile of these scores, but at least two standard errors of an AUC between
    equal distributions (Mann & Whitney 1947), as a high quantile of few scores is itself noise,
    and at least 0.55.

    Args:
        reference: vectors, shape (rows, dim).
        current_rows: rows that will be compared with them.
        splits: random splits.
        quantile: of the scores, in (0.5, 1).
    """
    part = min(current_rows, len(reference) // 2)
    null_scores = []
    for seed in range(splits):
        rows = np.random.default_rng([seed, len(reference)]).permutation(len(reference))
        null_scores.append(domain_auc(reference[rows[:part]], reference[rows[part:]], seed))
    # The test half of the classifier's rows is what its AUC is measured on.
    new, old = max(1, part // 2), max(1, (len(reference) - part) // 2)
    error = np.sqrt((new + old + 1) / (12 * new * old))
    floor = 0.5 + max(_SMALLEST_EXCESS, _STANDARD_ERRORS * error)
    return float(max(np.quantile(null_scores, quantile), floor)), null_scores


def report(
    current: Rows, reference: Rows, threshold: float, null_scores: list[float], page: Path
) -> float:
    """Score current against reference in an Evidently report, save it as HTML, return the score."""
    columns = [f"e{i}" for i in range(current.shape[1])]
    definition = DataDefinition(embeddings={_EMBEDDING: columns}, numerical_columns=[])
    new, old = (
        Dataset.from_pandas(pd.DataFrame(rows, columns=columns), data_definition=definition)
        for rows in (current, reference)
    )
    metric = EmbeddingDomainAUC(
        embeddings_name=_EMBEDDING, null_scores=null_scores, tests=[lte(threshold)]
    )
    snapshot = Report([metric]).run(new, old)
    page.parent.mkdir(parents=True, exist_ok=True)
    temporary = page.with_name(f".{page.name}")
    snapshot.save_html(str(temporary))
    temporary.replace(page)
    return float(snapshot.dict()["metrics"][0]["value"])


class EmbeddingDomainAUC(SingleValueMetric):
    """Evidently metric: the AUC of a classifier between current and reference vectors."""

    embeddings_name: str
    null_scores: list[float]


class EmbeddingDomainAUCCalculation(SingleValueCalculation[EmbeddingDomainAUC]):
    """Computes the metric and draws its widgets."""

    def calculate(self, context: Any, current_data: Dataset, reference_data: Dataset | None):
        """Return the score with a counter and two figures."""
        columns = context.data_definition.embeddings[self.metric.embeddings_name]
        assert reference_data is not None
        current, reference = (
            data.as_dataframe()[columns].to_numpy() for data in (current_data, reference_data)
        )
        auc = domain_auc(current, reference)
        result = self.result(auc)
        result.widget = [
            counter(counters=[CounterData("domain classifier ROC AUC", f"{auc:.3f}")]),
            plotly_figure(
                title="Score without drift (parts of the reference) and now",
                figure=_null_figure(self.metric.null_scores, auc),
            ),
            plotly_figure(
                title="Two principal components of both together",
                figure=_components_figure(current, reference),
            ),
        ]
        return result

    def display_name(self) -> str:
        """Return the name shown in the report."""
        return f"Embedding drift: {self.metric.embeddings_name}"


def _null_figure(null_scores: list[float], auc: float) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure(go.Histogram(x=null_scores, nbinsx=20, name="without drift"))
    figure.add_vline(x=auc, line_dash="dash", annotation_text="now")
    return figure.update_layout(xaxis_title="ROC AUC", yaxis_title="random parts")


def _components_figure(current: Rows, reference: Rows) -> Any:
    import plotly.graph_objects as go
    from sklearn.decomposition import PCA

    # Fitted on both: components of the reference alone call every new sample different.
    points = PCA(2, random_state=0).fit_transform(np.vstack([reference, current]))
    parts = (("reference", points[: len(reference)]), ("current", points[len(reference) :]))
    figure = go.Figure(
        [
            go.Scatter(x=xy[:, 0], y=xy[:, 1], mode="markers", name=name, marker={"opacity": 0.5})
            for name, xy in parts
        ]
    )
    return figure.update_layout(xaxis_title="component 1", yaxis_title="component 2")
