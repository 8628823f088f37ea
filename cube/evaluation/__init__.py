"""Metrics, baselines, intervals and the verdict."""
