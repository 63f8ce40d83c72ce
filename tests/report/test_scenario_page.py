"""The reference page and the template of a scenario are what the schema says."""

import re
from pathlib import Path

import pytest

from simulator.report.scenario_page import scenario_page
from simulator.report.scenario_sections import default_in_yaml, sections
from simulator.report.scenario_template import scenario_template
from simulator.serving.policies.ordering import ORDERINGS
from simulator.serving.policies.routing import ROUTERS
from simulator.specs.catalogue import engine_names, templates
from simulator.specs.reading import read_yaml_value
from simulator.specs.scenario import Scenario
from simulator.specs.schema import fields_of

ROOT = Path(__file__).parents[2]
FIELDS = list(fields_of(Scenario))


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f"{f.path} of {f.owner.__name__}")
def test_every_field_says_what_it_means(field):
    assert field.help, f"write it into the Args of {field.owner.__name__}"


def test_what_names_are_known_is_said():
    (policy,) = (f.help for f in FIELDS if f.path == "deployment.policy")
    (router,) = (f.help for f in FIELDS if f.path == "deployment.scheduling.router")
    assert all(name in policy for name in ORDERINGS)
    assert all(name in router for name in ROUTERS)
    (engine,) = (f.help for f in FIELDS if f.path == "deployment.engine")
    assert all(name in engine_names() for name in re.findall(r"\w+(?=,)", engine))


def test_the_page_and_the_template_are_up_to_date():
    page = (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert page == scenario_page(), "nox -s docs writes it"
    template = templates()["scenario"].read_text(encoding="utf-8")
    assert template == scenario_template(), "nox -s docs writes it"


def test_each_field_is_described_once():
    described = [(f.owner, f.name) for s in sections().all for f in s.fields]
    shared = [(f.owner, f.name) for s in sections().all for f in s.inherited]
    assert len(set(described)) == len(described)
    assert {*described, *shared} == {(f.owner, f.name) for f in FIELDS}
    rows = [line for line in scenario_page().split("\n") if line.startswith("| `")]
    assert len(rows) == len(described)
    assert all(row.count(" | ") == 6 for row in rows)


def test_every_link_of_the_page_leads_to_a_heading():
    page = scenario_page()
    headings = re.findall(r"^##+ (.+)$", page, re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= set(anchors)


def test_what_the_template_leaves_out_is_right_once_it_is_uncommented():
    """Each ``#field: default`` alone, below the fields that it belongs to, is a field's default."""
    lines = scenario_template().replace("{{", "{").replace("}}", "}").split("\n")
    expected = {(f.path, default_in_yaml(f)) for f in FIELDS}
    paths = {f.path for f in FIELDS}
    found = set()
    for at, line in enumerate(lines):
        if not re.match(r" *#[\w-]", line):
            continue
        kept = [line.replace("#", "", 1)]
        for above in reversed(lines[:at]):
            bare = re.sub(r"^( *)#(?=[\w-])", r"\1", above)
            if re.match(r" *[\w-]", bare) and _indent(bare) < _indent(kept[0]):
                kept.insert(0, bare)
        path, value = _innermost(read_yaml_value("\n".join(kept), "template"))
        assert path in paths, line
        if value is not None:
            kinds = {f.choices for f in FIELDS if f.path == path}
            said = str(value).lower() if isinstance(value, bool) else str(value)
            assert (path, said) in expected or (said,) in kinds, line
        found.add(path)
    filled = set(_paths(read_yaml_value("\n".join(lines), "template")))
    assert {f.path for s in sections().all for f in s.fields} <= found | filled


def _paths(content: dict, prefix: str = ""):
    for name, value in content.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{name}.")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _innermost(content: object) -> tuple[str, object]:
    names = []
    while isinstance(content, dict | list) and content:
        if isinstance(content, list):
            content = content[0]
            continue
        name, content = list(content.items())[-1]
        names.append(name)
    return ".".join(names), content
