"""Figures of a month, drift, the page and the table."""
