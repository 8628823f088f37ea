"""Prefect flows: they wire tasks together and do nothing else."""
