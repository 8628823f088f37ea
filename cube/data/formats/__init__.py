"""Readers, one module a family of formats: each takes an opened or named file and yields rows."""
