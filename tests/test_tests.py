"""Every test says something: none asserts only within loops that may be empty."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

Scope = dict[str, ast.expr]
"""What names stand for, where they are bound once to something written out."""


def silent_tests(source: str) -> list[str]:
    """Tests of a module that pass without a check where all their loops go over nothing."""
    module = ast.parse(source)
    functions = {f.name: f for f in ast.walk(module) if isinstance(f, ast.FunctionDef)}
    constants = bound_once(module.body)
    return [
        name
        for name, function in functions.items()
        if name.startswith("test_")
        and not checks(function.body, constants | bound_once(function.body), functions)
        and any(isinstance(node, ast.Assert) for node in ast.walk(function))
    ]


def bound_once(body: list[ast.stmt]) -> Scope:
    """Plain assignments to one name, those of names assigned twice left out."""
    found: Scope = {}
    twice = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        if target.id in found:
                            twice.add(target.id)
                        found[target.id] = node.value
    return {name: value for name, value in found.items() if name not in twice}


def checks(body: list[ast.stmt], scope: Scope, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether something is checked whatever the data are."""
    return any(statement_checks(statement, scope, functions) for statement in body)


def statement_checks(
    statement: ast.stmt, scope: Scope, functions: dict[str, ast.FunctionDef]
) -> bool:
    if isinstance(statement, ast.Assert):
        return True
    if isinstance(statement, ast.For):
        return goes_round(statement.iter, scope) and checks(statement.body, scope, functions)
    if isinstance(statement, ast.If):
        # Both ways: a check that some data skip says nothing of those.
        return checks(statement.body, scope, functions) and checks(
            statement.orelse, scope, functions
        )
    if isinstance(statement, ast.With):
        return any(map(is_check, calls_in(statement.items))) or checks(
            statement.body, scope, functions
        )
    if isinstance(statement, ast.Try):
        ends = [statement.orelse, *(handler.body for handler in statement.handlers)]
        return checks(statement.body, scope, functions) or all(
            checks(end, scope, functions) for end in ends
        )
    if isinstance(statement, ast.While):
        return checks(statement.body, scope, functions)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return False
    return any(is_check(call) or is_helper(call, functions) for call in calls_in([statement]))


def calls_in(nodes: list[ast.stmt] | list[ast.withitem]) -> Iterator[ast.Call]:
    for node in nodes:
        yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def is_check(call: ast.Call) -> bool:
    """A call that fails by itself: of ``pytest.raises``, of numpy's assertions, of a helper."""
    name = ast.unparse(call.func)
    return name in ("pytest.raises", "pytest.warns", "pytest.fail") or "assert" in name


def is_helper(call: ast.Call, functions: dict[str, ast.FunctionDef]) -> bool:
    """A call of a function of the same module that checks something, whatever the data are."""
    helper = functions.get(ast.unparse(call.func))
    return helper is not None and checks(helper.body, bound_once(helper.body), {})


def goes_round(iterable: ast.expr, scope: Scope) -> bool:
    """Whether a loop over ``iterable`` goes round at least once, by how it is written."""
    if isinstance(iterable, ast.Tuple | ast.List | ast.Set):
        return any(
            not isinstance(e, ast.Starred) or goes_round(e.value, scope) for e in iterable.elts
        )
    if isinstance(iterable, ast.Dict):
        return bool(iterable.keys)
    if isinstance(iterable, ast.Constant):
        return bool(iterable.value)
    if isinstance(iterable, ast.Name):
        return iterable.id in scope and goes_round(scope[iterable.id], {})
    if isinstance(iterable, ast.ListComp | ast.SetComp | ast.DictComp):
        loops = iterable.generators
        return all(not loop.ifs and goes_round(loop.iter, scope) for loop in loops)
    if isinstance(iterable, ast.Call):
        return call_goes_round(iterable, scope)
    return False


def call_goes_round(call: ast.Call, scope: Scope) -> bool:
    name = ast.unparse(call.func)
    if name == "nonempty":
        return True
    if name == "range":
        counts = [a.value for a in call.args if isinstance(a, ast.Constant)]
        return len(counts) == len(call.args) and len(range(*counts)) > 0
    if name in ("enumerate", "sorted", "reversed", "list", "tuple", "set"):
        return goes_round(call.args[0], scope)
    if name == "zip":
        strict = any(keyword.arg == "strict" for keyword in call.keywords)
        rounds = [goes_round(argument, scope) for argument in call.args]
        return any(rounds) if strict else all(rounds)
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("items", "keys", "values"):
        return goes_round(call.func.value, scope)
    return False


@pytest.mark.parametrize(
    "file", sorted(HERE.rglob("test_*.py")), ids=lambda file: str(file.relative_to(HERE))
)
def test_every_test_checks_something_whatever_its_data_are(file):
    assert silent_tests(file.read_text(encoding="utf-8")) == []
