"""Every field of a scenario as a page of the documentation, written from the schema.

python -m simulator.report.scenario_page > docs/scenario.md
"""

import re
from collections.abc import Iterator

from simulator.report.scenario_sections import Section, default_in_yaml, sections
from simulator.specs.schema import SchemaField

_INTRODUCTION = """\
# Scenario

Written by `python -m simulator.report.scenario_page` from the schema that reads scenarios.

A scenario is a YAML file; [`scenarios/`](../scenarios) has some that each show one thing, and
`roofsim catalogue new scenario` writes one with all these fields to fill in. The same fields are
columns of `roofsim predict --cases` and can be set in every command by their path, as in
`--set deployment.scheduling.router=prefix-aware`; the common ones have a flag.

A number with a unit may be written with one (`500 ms`, `20 GB/s`); bare, it is in the unit named
here. A field without a default may be left out unless it says **required**.
"""


def scenario_page() -> str:
    """Markdown with a section for each class of the schema and a row for each field."""
    lines = (line for section in sections().all for line in ("", *_section(section)))
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"{'###' if '.' in section.path else '##'} {_heading(section)}"
    yield ""
    yield _code(section.about)
    yield ""
    yield "| field | type | unit | default | range | meaning | flag |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from map(_row, section.fields)
    if section.inherited:
        names = ", ".join(f"`{field.name}`" for field in section.inherited)
        elder = sections().at[section.heir_of][0]
        yield ""
        yield f"Further, as described in [{_heading(elder)}](#{_anchor(elder)}): {names}."


def _heading(section: Section) -> str:
    path = f"`{section.path}`" if section.path else "The file"
    return f"{path}: {' or '.join(section.kinds)}" if section.kinds else path


def _row(field: SchemaField) -> str:
    what = "word" if field.choices else field.type
    inner = sections().at.get(field.path, ())
    if inner:
        links = ", ".join(f"[{_name(section)}](#{_anchor(section)})" for section in inner)
        what = what.replace("mapping", links)
    cells = (
        f"`{field.name}`",
        what,
        field.unit or "",
        "**required**" if field.required else _quoted(default_in_yaml(field)),
        ", ".join(field.choices) or field.bounds,
        _code(field.help),
        _flag(field),
    )
    return "| " + " | ".join(cells) + " |"


def _name(section: Section) -> str:
    return " or ".join(section.kinds) or "mapping"


def _anchor(section: Section) -> str:
    """The name that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", _heading(section).lower()).replace(" ", "-")


def _code(text: str) -> str:
    return text.replace("``", "`")


def _quoted(value: str) -> str:
    return f"`{value}`" if value else ""


def _flag(field: SchemaField) -> str:
    if field.flag is None:
        return ""
    long = (field.flag.name or field.name).replace("_", "-")
    return f"`--{long}`" + (f" `-{field.flag.short}`" if field.flag.short else "")


if __name__ == "__main__":
    print(scenario_page(), end="")
