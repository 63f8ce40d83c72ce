"""Decode modes that give more than one token a step: each says which passes its steps have."""
