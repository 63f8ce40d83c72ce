"""A scenario to fill in, written from the schema: the common fields set, all others as comments.

python -m simulator.report.scenario_template > simulator/specs/templates/scenario.yaml
"""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from simulator.report.scenario_sections import Section, default_in_yaml, sections
from simulator.specs.schema import SchemaField

_NAME = "my-scenario"
"""Stands for the name of the scenario, which is known when the template is used."""

_HEADER = f"""\
# Which model on which hardware, how it is served, and who asks for what. Run it as it is with
# `roofsim run ./{_NAME}.yaml`; `roofsim catalogue list` shows names of hardware and models.
#
# A line that begins with #word is a field that may be set as well: take the # away. It shows the
# default; nothing after the colon means that there is none, or that engine or model decide. What
# comes after "Or" takes the place of the fields before it. Times, bytes and rates may carry a unit,
# as in 500 ms, 80 GB, 20 GB/s.
"""

_FILLED: Mapping[str, Any] = {
    "name": _NAME,
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "deployment": {"engine": "vllm", "precision": "bf16"},
    "workload": {
        "kind": "synthetic",
        "arrivals": {"process": "poisson", "rate": 4},
        "input_tokens": {"kind": "lognormal", "mean": 1000, "cv": 0.8, "low": 16, "high": 8000},
        "output_tokens": {"kind": "lognormal", "mean": 200, "cv": 0.7, "low": 4, "high": 1500},
        "requests": 500,
        "seed": 1,
    },
    "objectives": {"ttft": "500 ms", "tpot": "30 ms"},
}
"""A scenario that runs in a moment and that most questions are a change of."""

_WIDTH = 100


def scenario_template() -> str:
    """The template's text, in which braces are doubled and ``{name}`` stands for the name."""
    lines = "\n".join(_fields("", _FILLED, ""))
    text = f"{_HEADER}\n{lines}\n"
    return text.replace("{", "{{").replace("}", "}}").replace(_NAME, "{name}")


def _fields(path: str, filled: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Lines for what may be written at ``path``: the member that is filled in, then the others."""
    chosen, *others = sorted(sections().at[path], key=lambda section: not _is_of(section, filled))
    if not sections().first_here(path):
        yield from _comment(f"all that {chosen.path} may have", indent)
        for field in chosen.fields:
            if field.name in filled:
                yield from _field(field, f"{path}.{field.name}", filled, indent)
        return
    yield from _member(chosen, filled, indent)
    for other in others:
        about = other.about.partition("\n\n")[0]
        yield from _comment(f"Or {' or '.join(other.kinds)}. {about}", indent)
        yield from _member(other, {}, indent)


def _is_of(section: Section, filled: Mapping[str, Any]) -> bool:
    """Whether the content is of this member of a union."""
    return filled.get(section.fields[0].name) in section.kinds


def _member(section: Section, filled: Mapping[str, Any], indent: str) -> Iterator[str]:
    for field in sorted(section.fields, key=lambda field: field.name not in filled):
        path = f"{section.path}.{field.name}" if section.path else field.name
        line, *below = _field(field, path, filled, indent)
        beside = f"{line}  # {_explained(field)}"
        if not _explained(field):
            yield line
        elif len(beside) <= _WIDTH:
            yield beside
        else:
            yield from _comment(_explained(field), indent)
            yield line
        yield from below
    if section.inherited:
        first, last = section.inherited[0].name, section.inherited[-1].name
        yield from _comment(f"all that {section.heir_of} may have from {first} to {last}", indent)


def _field(field: SchemaField, path: str, filled: Mapping[str, Any], indent: str) -> Iterator[str]:
    """The field's own line, as a comment where it is not filled in; then those of its fields."""
    value = filled.get(field.name)
    has_fields = path in sections().at
    own = {} if value is None else value
    if value is None:
        default = "" if has_fields else default_in_yaml(field) or _only_word(field)
        yield f"{indent}#{field.name}: {default}".rstrip()
    else:
        yield f"{indent}{field.name}: {'' if has_fields else value}".rstrip()
    if not has_fields:
        return
    inner = f"{indent}  "
    if field.type == "list of mapping":
        lines = "\n".join(_fields(path, own, f"{inner}  "))
        # A remark alone, which stands for fields that are shown elsewhere, begins no entry.
        is_remark = lines.startswith(f"{inner}  # ") and "\n" not in lines
        yield from (lines if is_remark else lines.replace(f"{inner}  #", f"{inner}#- ", 1)).split(
            "\n"
        )
    else:
        yield from _fields(path, own, inner)


def _only_word(field: SchemaField) -> str:
    """What a required field says that tells one member of a union from the others."""
    return field.choices[0] if field.required and len(field.choices) == 1 else ""


def _explained(field: SchemaField) -> str:
    """The field's meaning and the words it takes, as far as the one does not tell the other."""
    text = field.help.replace("``", "").rstrip(".")
    if text in field.choices:
        return ""
    if all(choice in text for choice in field.choices):
        return text
    return f"{text} ({', '.join(field.choices)})"


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    words = " ".join(text.replace("``", "").split())
    return wrap(
        words, _WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False
    )


if __name__ == "__main__":
    print(scenario_template(), end="")
