"""Choices as pure functions: who is served first, what a step holds, which replica."""
