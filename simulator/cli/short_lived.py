"""What a process that serves one command and ends can do without."""

import atexit
import gc
import os


def make_short_lived() -> None:
    """Search neither for cycles among objects nor for plugins; to be called before anything else.

    Objects die by their reference counts, and the rest with the process: looking for cycles among
    them, at the end above all, would take a tenth of a second. To find plugins that might watch
    its validation, pydantic reads the metadata of every installed package.
    """
    gc.disable()
    atexit.register(gc.freeze)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
