"""Exports of series, de-identified or not."""
