"""Drift: how far the newest questions are from those a cube was trained on. Numbers only."""
