"""Figures as inline SVG without colours of their own: the page's style sheet gives them.

Each takes plain values and returns markup. Text in them is escaped by the XML writer.
"""
