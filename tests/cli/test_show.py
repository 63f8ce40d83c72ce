"""What a prediction looks like for people."""

from simulator.cli.show import show_prediction
from simulator.simulate.figures import FIGURE
from simulator.simulate.predict import predict


def test_figures_are_listed_with_their_units_and_intervals(capsys):
    answer = predict("h100-sxm", "llama-3.1-8b")
    show_prediction(answer)
    text = capsys.readouterr().out
    assert text.startswith("llama-3.1-8b bf16 on 1 × h100-sxm")
    for figure in answer.shown:
        value = answer.figures.get(figure.key)
        assert (figure.label in text) or value is None or figure.prose
        if isinstance(value, float):
            assert figure.show(value) in text
    assert answer.price_origin in text
    low, high = answer.intervals["step_time_s"]
    assert FIGURE["step_time_s"].between(low, high) in text


def test_columns_stand_under_each_other_and_notes_follow(capsys):
    show_prediction(predict("h100-pcie", "llama-3.1-8b", phase="prefill"))
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if "80 % interval" in line)
    step = next(line for line in lines if line.startswith("Step time"))
    assert len(heading.rstrip()) == len(step.rstrip())
