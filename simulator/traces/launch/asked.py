"""A launch line as a whole question: what it leaves open is asked, assumed and said."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.specs.question import Change
from simulator.traces.launch.read import Launch

ASSUMED_USERS = 16
"""Users of a closed loop, where nothing says how busy the server is."""

_LOADS = frozenset({"workload.concurrency", "workload.rate", "workload.file", "workload.kind"})


def content_of(
    launch: Launch, changes: Iterable[Change]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a scenario of the line begins with, before ``changes``, and what was assumed for it.

    A line tells no load: a serving point stands for it.
    """
    content: dict[str, Any] = {
        "name": slug(f"{launch.engine}-{launch.model.rstrip('/').rpartition('/')[2]}"),
        "workload": {"kind": "serve"},
    }
    paths = {change.path for change in changes}
    if paths & _LOADS:
        return content, ()
    content["workload"]["concurrency"] = ASSUMED_USERS
    return content, (
        f"the load is assumed: {ASSUMED_USERS} users in a closed loop; say another by "
        "--concurrency, --rate or --trace",
    )


def slug(text: str) -> str:
    """A name for a scenario: lower-case letters, digits, points and single dashes."""
    return "-".join(re.findall(r"[a-z0-9.]+", text.lower()))[:_LONGEST].strip(".-") or "scenario"


_LONGEST = 100
