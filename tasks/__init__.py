"""Prefect tasks: each loads by path, calls one function of `cube`, saves by path, tells the UI.

Between tasks go paths, digests and small dicts, never arrays or models.
"""
