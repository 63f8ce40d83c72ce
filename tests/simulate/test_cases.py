"""Tables of cases: every row is answered or told why not, and nothing it says is lost."""

import pytest

from simulator.errors import InputError
from simulator.simulate import cases
from simulator.simulate.case_files import ANSWERED, answered_rows, faults, read_cases
from simulator.simulate.cases import predict_cases
from simulator.simulate.predict import predict
from simulator.specs.question import from_fields

STEP = {"hardware": "h100-sxm", "model": "llama-3.1-8b"}


def table(tmp_path, text, **options):
    path = tmp_path / "cases.csv"
    path.write_text(text, encoding="utf-8")
    return read_cases(path, **options)


def answers_to(tmp_path, text, **options):
    found = table(tmp_path, text, **options)
    header, rows = answered_rows(
        found, predict_cases(found.questions(), options.get("changes", ()))
    )
    return header, list(rows)


ASKED = {
    "hardware", "model", "engine", "precision", "kv_precision", "devices", "phase", "cost_rule",
}  # fmt: skip
"""What an answer repeats of its question."""


@pytest.mark.parametrize("name", sorted(ANSWERED - ASKED))
def test_no_column_takes_the_place_of_an_answer(tmp_path, name):
    text = f"hardware,model,{name}\nh100-sxm,llama-3.1-8b,1\n"
    for keep in ([], [name]):
        with pytest.raises(InputError, match=name):
            table(tmp_path, text, keep=keep)


def test_a_measured_value_stands_beside_the_answer(tmp_path):
    text = "hardware,model,note_tpot_s\nh100-sxm,llama-3.1-8b,123\n"
    _, (row,) = answers_to(tmp_path, text)
    assert row["note_tpot_s"] == "123"
    assert row["tpot_s"] == predict(**STEP).tpot_s


def test_every_row_is_answered_or_says_its_line(tmp_path):
    text = (
        "hardware,model,batch,note\n"
        "h100-sxm,llama-3.1-8b,4,good\n"
        "h100-sxm,llama-3.1-8b,4,one,too many\n"
        "h100-sxm,llama-3.1-8b\n"
        "\n"
        'h100-sxm,llama-3.1-8b,0,"a text\nof two lines"\n'
        "h100-sxm,llama-3.1-8b,true,\n"
        f"{'a' * 5000},llama-3.1-8b,1,\n"
        "h100-sxm,llama-3.1-8b,4,good\n"
    )
    _, rows = answers_to(tmp_path, text)
    errors = [row["error"] for row in rows]
    assert errors[0] == errors[-1] == ""
    assert rows[0] == rows[-1]
    expected = {3: "5 cells", 4: "2 cells", 7: "batch", 8: "batch", 9: "unknown"}
    for (line, said), error in zip(expected.items(), errors[1:-1], strict=True):
        assert f"cases.csv: line {line}: " in error
        assert said in error
        assert "\n" not in error


@pytest.mark.parametrize("field", ["batch", "context", "concurrency", "requests", "isl", "tp"])
@pytest.mark.parametrize("value", [0, "0", False, True, -1, "0.0", "nan", [], {}])
def test_nothing_becomes_one_silently(field, value):
    serve = {"phase": "serve"} if field in ("concurrency", "requests", "isl") else {}
    load = {"rate": 1} if field in ("requests", "isl") else {}
    good = {**STEP, **serve, **load, field: 1}
    # The good row comes first: what is known of it must not be taken for the other.
    _, bad = predict_cases([good, {**good, field: value}])
    assert isinstance(bad, InputError)


def test_flags_fill_what_rows_leave_empty_and_are_refused_where_they_have_no_effect(tmp_path):
    text = "hardware,model,batch\nh100-sxm,llama-3.1-8b,\nh100-sxm,llama-3.1-8b,8\n"
    changes = from_fields({"batch": "64"}, "--{}")
    table(tmp_path, text).refuse_without_effect(changes)
    _, rows = answers_to(tmp_path, text, changes=changes)
    assert [row["step_time_s"] for row in rows] == [
        predict(**STEP, batch=batch).step_time_s for batch in (64, 8)
    ]
    with pytest.raises(InputError, match="--batch: has no effect"):
        table(tmp_path, text.replace("8b,\n", "8b,1\n")).refuse_without_effect(changes)


def test_a_device_for_all_rows_may_be_a_flag(tmp_path):
    changes = from_fields({"hardware": "h100-sxm"}, "--{}")
    _, (row,) = answers_to(tmp_path, "model,batch\nllama-3.1-8b,4\n", changes=changes)
    assert row["step_time_s"] == predict(**STEP, batch=4).step_time_s
    with pytest.raises(InputError, match="'hardware' is missing"):
        table(tmp_path, "model,batch\nllama-3.1-8b,4\n")


def test_one_field_has_one_column(tmp_path):
    for header in ("batch,batch", "tp,deployment.tp", "workload.batch,batch", "note,note"):
        with pytest.raises(InputError, match="stands twice"):
            table(tmp_path, f"hardware,model,{header}\nh100-sxm,llama-3.1-8b,1,2\n")


def test_a_column_to_keep_is_there(tmp_path):
    with pytest.raises(InputError, match="--keep: there is no column 'lable'"):
        table(tmp_path, "hardware,model,label\nh100-sxm,llama-3.1-8b,x\n", keep=["label", "lable"])


def test_a_fault_at_one_row_costs_the_others_nothing(tmp_path, monkeypatch):
    whole = cases._steps

    def faulty(questions):
        if any(question.batch == 13 for question in questions):
            raise ZeroDivisionError("thirteen")
        return whole(questions)

    monkeypatch.setattr(cases, "_steps", faulty)
    text = "hardware,model,batch\n" + "".join(f"h100-sxm,llama-3.1-8b,{n}\n" for n in (12, 13, 14))
    found = table(tmp_path, text)
    answers = predict_cases(found.questions())
    _, rows = answered_rows(found, answers)
    errors = [row["error"] for row in rows]
    assert errors[0] == errors[2] == ""
    assert "line 3: internal failure" in errors[1]
    assert [type(each) for each in faults(answers)] == [ZeroDivisionError]


def test_a_step_of_one_pool_says_so():
    pools = {"deployment.prefill.tp": 1, "deployment.decode.tp": 2}
    found = predict(**STEP, batch=4, **pools)
    assert found.devices == 2
    assert found.step_time_s == predict(**STEP, batch=4, tp=2).step_time_s
    assert any("decode pool alone" in note for note in found.notes)
