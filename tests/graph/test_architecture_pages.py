"""The code on the architecture pages runs, and its numbers hold."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "architectures").glob("*.md"))


def code_of(page):
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page):
    exec(compile(code_of(page), str(page), "exec"), {"__name__": "page"})


def test_the_example_of_a_model_file_is_one(tmp_path):
    from simulator.graph.build import build
    from simulator.specs import catalogue

    page = next(page for page in PAGES if page.stem == "README")
    example = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)[0]
    file = tmp_path / "two-kinds.yaml"
    file.write_text(example)
    graph = build(catalogue.model(str(file)))
    assert graph.kv_bytes_per_token == 2 * 4 * 128 * 2


def test_every_page_is_in_the_table():
    page = next(page for page in PAGES if page.stem == "README")
    named = set(re.findall(r"\]\(([a-z-]+)\.md\)", page.read_text(encoding="utf-8")))
    assert named == {page.stem for page in PAGES} - {"README"}
