"""Bleeds, and what is mistaken for them, drawn into real tissue."""
