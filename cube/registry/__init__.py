"""Versions of a model, the champion among them, and the gate in front of it."""

from cube.registry.judgement import judgement_of
from cube.registry.store import Promotion, Registry

__all__ = ["Promotion", "Registry", "judgement_of"]
