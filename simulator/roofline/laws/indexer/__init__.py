"""Scoring every earlier entry and picking the best."""
