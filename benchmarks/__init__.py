"""Measurements anybody can repeat: each a command that prints a table and writes JSON."""
