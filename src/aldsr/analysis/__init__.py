"""Recorded runs: variants, scores, statistics."""
