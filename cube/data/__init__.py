"""Texts, pairs and dialogues: read, cleaned, split and stored as a corpus."""
