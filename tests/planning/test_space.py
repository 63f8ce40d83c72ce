"""The points of a sweep: grids, lists and samples of any field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.errors import InputError
from simulator.planning.space import (
    Listed,
    Ranged,
    Sample,
    axes_from_fields,
    axes_from_texts,
    sample_from_text,
    space_of,
)


def values(text: str) -> tuple[object, ...]:
    """The grid that one ``--over`` makes."""
    (axis,) = axes_from_texts([text])
    return axis.grid()


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("tp=1,2,4", (1, 2, 4)),
        ("deployment.precision=bf16, fp8", ("bf16", "fp8")),
        ("tp=1,2,1", (1, 2)),
        ("hardware=h100-sxm,apple-m4-pro:cpu", ("h100-sxm", "apple-m4-pro:cpu")),
        ("workload.file=../a.csv,../b.csv", ("../a.csv", "../b.csv")),
        ("deployment.chunked_prefill=true,false", (True, False)),
        ("rate=1..64:log:7", (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)),
        ("rate=0.5..2.5:lin:5", (0.5, 1.0, 1.5, 2.0, 2.5)),
        ("rate=1..3:3", (1.0, 2.0, 3.0)),
        ("tp=1..8:log:4", (1, 2, 4, 8)),
        ("batch=1..4:log:9", (1, 2, 3, 4)),
        (
            "hardware.memory.main.bandwidth=2..4 TB/s:lin:3",
            ("2 TB/s", "3 TB/s", "4 TB/s"),
        ),
        ("hardware.tdp=1e2..1e4 W:log:3", ("100 W", "1000 W", "10000 W")),
        ("model.layers=10..30:lin:3", (10, 20, 30)),
        ("model.layers=10.0..11:lin:3", (10.0, 10.5, 11.0)),
    ],
)
def test_values_are_read_as_they_are_written(text, grid):
    found = values(text)
    assert found == grid
    assert [type(value) for value in found] == [type(value) for value in grid]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tp", "names no values"),
        ("=1,2", "names no values"),
        ("tpp=1,2", "did you mean tp"),
        ("deployment.tpp=1,2", "deployment.tp"),
        ("rate=1..64", "how many values"),
        ("rate=1..64:log", "how many values"),
        ("rate=1..64:cubic:4", "lin or log"),
        ("rate=64..1:log:4", "smaller end first"),
        ("rate=0..1:log:4", "no logarithm"),
        ("rate=1..2:lin:1", "2 or more"),
        ("rate=1..2:lin:many", "2 or more"),
        ("hardware.tdp=1 kW..2 W:lin:3", "unit once"),
        ("tp=[1", "not valid YAML"),
        ("tp=1..9999999:10000000", "limit"),
    ],
)
def test_values_that_cannot_be_are_refused(text, says):
    with pytest.raises(InputError) as refused:
        space_of(axes_from_texts([text, "model.layers=1,2"]))
    assert says in str(refused.value)


def test_a_grid_has_every_combination_the_last_axis_fastest():
    space = space_of(axes_from_texts(["tp=1,2", "rate=1..4:lin:3"]))
    points = [tuple(change.value for change in point) for point in space.points()]
    assert points == [(tp, rate) for tp in (1, 2) for rate in (1.0, 2.5, 4.0)]
    assert len(space) == len(points)
    assert space.paths == ("deployment.tp", "workload.rate")


def test_a_field_is_swept_once_and_something_is_swept():
    with pytest.raises(InputError, match="swept twice"):
        space_of(axes_from_texts(["tp=1,2", "deployment.tp=4,8"]))
    with pytest.raises(InputError, match="nothing is swept"):
        space_of([])


def test_python_names_values_as_the_command_does():
    (by_list, by_text, by_array) = axes_from_fields(
        {"tp": [1, 2], "rate": "1..4:log:3", "batch": np.array([1, 8])}
    )
    assert by_list.grid() == (1, 2)
    assert by_text.grid() == (1.0, 2.0, 4.0)
    assert by_array.grid() == (1, 8)
    assert all(type(value) is int for value in nonempty(by_array.grid()))
    with pytest.raises(InputError, match="list"):
        axes_from_fields({"tp": 4})
    with pytest.raises(InputError, match="no value"):
        axes_from_fields({"tp": []})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("halton:8", "unknown method"),
        ("lhs", "no number of points"),
        ("lhs:many", "no number of points"),
        ("lhs:0", "0 points"),
        ("sobol:100", "sobol:64 or sobol:128"),
    ],
)
def test_samples_that_cannot_be_are_refused(text, says):
    with pytest.raises(InputError, match=says):
        sample_from_text(text)


def test_a_count_has_no_effect_on_a_sample():
    with pytest.raises(InputError, match="has no effect"):
        space_of(axes_from_texts(["rate=1..4:log:3"]), sample_from_text("lhs:5"))


@given(st.integers(1, 40), st.integers(0, 5))
def test_every_part_of_every_axis_has_a_point_of_a_latin_hypercube(count, seed):
    axes = [Ranged("a", "a", 0.0, 1.0, "lin"), Ranged("b", "b", 1.0, 16.0, "log")]
    space = space_of(axes, Sample("lhs", count, seed))
    points = [tuple(change.value for change in point) for point in space.points()]
    assert sorted(int(a * count) for a, _ in points) == list(range(count))
    assert sorted(int(np.log2(b) / 4 * count) for _, b in points) == list(range(count))


@given(st.integers(1, 6), st.integers(0, 5))
def test_the_first_half_of_a_sobol_sequence_is_the_smaller_sample(power, seed):
    axes = [Ranged("a", "a", 0.0, 1.0, "lin"), Listed("b", "b", ("x", "y"))]
    small, large = (
        list(space_of(axes, Sample("sobol", 2**n, seed)).points()) for n in (power, power + 1)
    )
    assert large[: len(small)] == small
    drawn = [point[1].value for point in large]
    assert drawn.count("x") == drawn.count("y")
    assert space_of(axes, Sample("sobol", 4, seed)) == space_of(axes, Sample("sobol", 4, seed))


@given(
    st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.sampled_from(["lin", "log"]),
    st.floats(0, 1, exclude_max=True), st.booleans(),
)  # fmt: skip
def test_no_value_lies_outside_its_range(low, factor, scale, share, is_whole):
    axis = Ranged("a", "a", low, low * factor, scale, is_whole=is_whole)
    value = axis.at(share)
    slack = 0.5 if is_whole else 0.0
    assert axis.low * (1 - 1e-11) - slack <= value <= axis.high * (1 + 1e-11) + slack
