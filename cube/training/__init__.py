"""Objectives, curriculum, sampler, trainer and checkpoints."""
