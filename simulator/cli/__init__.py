"""The ``roofsim`` command: it translates between people and the floors below, nothing more."""
