"""Bills: every dollar is counted once, and what is said of two servers is so."""

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty
from shipped import shortened

from simulator.errors import InputError
from simulator.planning.bill.answer import BillAnswer, bill
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import ask, ask_arithmetic, from_fields, read_bill
from simulator.specs.scenario import Scenario

USD = st.floats(0.001, 1000.0)


def arithmetic(**asked: object) -> BillAnswer:
    content = {"traffic": {"tokens_per_month": "50 M"}, "server": price(15)} | asked
    return bill(ask_arithmetic({"name": "x", "bill": content}))


def price(usd: float) -> dict[str, object]:
    return {"kind": "price", "usd_per_million_tokens": usd}


def own(**asked: object) -> Scenario:
    """The quick start with few requests and a bill."""
    content = shortened("quickstart", 60, max_sequences=16).model_dump(
        mode="json", exclude_unset=True
    )
    return ask({**content, "bill": {"traffic": {"requests_per_month": 40e6}} | asked})


@cache
def everything() -> BillAnswer:
    owned = {"kind": "system", "changes": {"basis": "owned"}}
    return bill(
        own(
            traffic={"requests_per_month": 40e6, "growth": 0.1, "months": 5, "peak_to_mean": 3,
                     "headroom": 0.2, "spare": 1},
            server=owned,
            against=[
                {"name": "rent", "server": {"kind": "system"}},
                {"name": "api", "server": {"kind": "api", "model": "llama-3.1-8b"}},
                {"name": "dear", "server": price(2.0)},
            ],
            revenue=price(1.0),
            price_changes=["-20 %", "25 %"],
            migration={"to": {"kind": "cheaper", "times": 2}, "takes": "15 day", "usd": 1000},
        ),
        workers=1,
    )  # fmt: skip


def test_every_dollar_is_in_one_part_and_has_one_reason():
    found = everything()
    assert len(found.parts) > 5
    for month in nonempty(found.months):
        assert sum(month.parts.values()) == pytest.approx(month.usd, rel=1e-9)
    assert sum(found.parts.values()) == pytest.approx(found.usd, rel=1e-9)
    assert sum(found.reasons.values()) == pytest.approx(found.usd, rel=1e-9)
    assert min(found.reasons.values()) >= 0


def test_months_grow_and_the_fleet_with_them():
    months = everything().months
    assert [round(m.requests) for m in months[:2]] == [40_000_000, 44_000_000]
    assert [m.usd for m in months] == sorted(m.usd for m in months)
    assert all(0 < m.utilisation < 1 for m in nonempty(months))
    first = months[0]
    rate = first.requests / (8766 * 3600 / 12)
    served = everything().capacity_requests_per_s * (1 - 0.2)
    assert first.replicas == -(-3 * rate // served) + 1
    assert first.margin == pytest.approx((first.revenue - first.usd) / first.revenue)


def test_what_it_is_set_against_at_the_volume_where_both_cost_the_same():
    found = everything()
    for row in nonempty([r for r in found.compared if r.break_even_tokens is not None]):
        volume = row.break_even_tokens / found.tokens_per_request
        both = [found.curves[name].usd(volume) for name in ("the bill", row.name)]
        assert both[0] == pytest.approx(both[1], rel=1e-9)
    assert [r.saves_usd for r in found.compared] == pytest.approx(
        [r.usd - found.usd for r in found.compared]
    )


def test_other_prices_scale_the_bill():
    found = everything()
    cheaper, dearer = found.changed
    assert cheaper.usd == pytest.approx(0.8 * found.usd)
    assert dearer.against["api"] == pytest.approx(1.25 * found.compared[1].usd)


def test_it_is_json_without_odd_numbers():
    content = json.dumps(everything().to_dict(), allow_nan=False)
    assert "curves" not in json.loads(content)


@given(USD, USD)
@settings(deadline=None)
def test_the_seeds_first_calculator(usd, other):
    found = arithmetic(server=price(usd), against=[{"name": "o", "server": price(other)}])
    assert found.months[0].usd == pytest.approx(50 * usd)
    assert found.compared[0].saves_usd == pytest.approx(12 * 50 * (other - usd), abs=1e-6)
    assert not found.simulated
    assert "plain arithmetic" in " ".join(found.notes)


def test_what_only_fleets_are_sized_by_has_no_effect_on_arithmetic_and_is_said():
    found = arithmetic(traffic={"tokens_per_month": "50 M", "spare": 1, "headroom": 0.2})
    assert found.months[0].usd == pytest.approx(750)
    assert any("without effect" in n and "headroom, spare" in n for n in found.notes)


def test_fifty_million_at_fifteen_dollars_and_a_third_of_it():
    found = bill(read_bill(scenario_path("fifty-million")))
    assert found.months[0].usd == pytest.approx(750.0)
    assert found.migration.usd_after == pytest.approx(250.0)
    gpu = next(row for row in found.compared if row.name == "one rented GPU")
    assert gpu.break_even_tokens == pytest.approx(2200 / 15 * 1e6)


def test_from_two_million_to_seven_hundred_thousand():
    found = bill(read_bill(scenario_path("midjourney"))).migration
    assert (found.usd_before, found.usd_after) == (2.1e6, 0.7e6)
    assert found.saved_usd == pytest.approx(12 * 1.4e6)
    assert found.affordable_usd == pytest.approx(1.4e6 * 11 / (8766 / 24 / 12))


def test_a_migration_is_paid_back_when_what_it_saves_has_come_to_what_it_cost():
    month_s = 8766 * 3600 / 12
    plan = {"to": price(5), "begins": 3, "takes": month_s, "usd": 1000}
    found = arithmetic(migration=plan).migration
    assert found.moving == pytest.approx([750, 750, 750 + 250 + 1000, *[250] * 9])
    assert found.overlap_usd == pytest.approx(750)
    assert found.paid_back_s == pytest.approx((1000 + 250) / 500 * month_s)
    assert arithmetic(migration={"to": price(20), "usd": 1}).migration.paid_back_s is None
    assert arithmetic(migration={"to": price(5)}).migration.paid_back_s == 0


def test_routing_over_tiers_under_a_budget():
    tiers = [
        {"name": "edge", "share": 0.5, "escalates": 0.2, "server": query(0)},
        {"name": "commodity", "share": 0.3, "escalates": 0.1, "server": query(0.0001)},
        {"name": "premium", "share": 0.2, "server": query(0.01)},
    ]
    found = arithmetic(routing={"budget_usd_per_query": 0.003, "tiers": tiers}).routing
    assert [row.seen for row in found.tiers] == pytest.approx([0.5, 0.4, 0.24])
    assert found.usd_per_query == pytest.approx(0.4 * 0.0001 + 0.24 * 0.01)
    assert found.keeps_budget
    assert found.within_budget == pytest.approx(1 - 0.24)
    assert found.dearest_usd_per_query == pytest.approx(0.0101)
    assert sum(row.usd for row in found.tiers) == pytest.approx(found.usd[0])


def query(usd: float) -> dict[str, object]:
    return {"kind": "query", "usd_per_query": usd}


def test_samples_of_a_small_model_against_one_of_a_large():
    given = {"kind": "given", "solved": 0.5}
    traffic = {
        "requests_per_month": 1000, "input_tokens_per_request": 1000,
        "output_tokens_per_request": 500,
    }  # fmt: skip
    found = arithmetic(
        traffic=traffic,
        sampling={
            "small": {"server": price(1), "samples": 4, "success": given, "judge": price(2)},
            "large": {"server": price(10), "success": {"kind": "given", "solved": 1}},
        },
    ).sampling
    assert found.small.usd_per_query == pytest.approx((1000 + 4 * 500 + 2 * 4 * 1501) / 1e6)
    assert found.small.usd_per_solved == pytest.approx(2 * found.small.usd_per_query)
    assert found.large.usd_per_query == pytest.approx(0.015)
    n = found.samples_at_equal_cost
    assert (1000 + n * (500 + 2 * 1501)) / 1e6 == pytest.approx(0.015)


def test_an_api_with_its_discounts():
    traffic = {
        "requests_per_month": 1e6, "input_tokens_per_request": 3000, "cached_share": "50 %",
        "output_tokens_per_request": 1000,
    }  # fmt: skip
    server = {"kind": "api", "model": "gpt-oss-120b", "provider": "groq", "batch_share": 0.5}
    found = arithmetic(traffic=traffic, server=server)
    full = 1500 * 0.15 + 1500 * 0.075 + 1000 * 0.6
    assert found.months[0].usd == pytest.approx(0.75 * full)
    assert set(found.parts) == {"uncached input", "cached input", "output"}
    assert "2026-06-04" in found.origin


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"server": {"kind": "api", "model": "gpt-os-120b"}}, "bill.server.model", "gpt-oss-120b"),
        ({"server": {"kind": "api"}}, "bill.server.model", "name one"),
        (
            {"server": {"kind": "api", "model": "kimi-k2.5", "provider": "Groq"}},
            "bill.server.provider", "Fireworks",
        ),
        (
            {"server": {"kind": "api", "model": "deepseek-flash", "hours": "night"}},
            "bill.server.hours", "off-peak",
        ),
        ({"server": None}, "bill.server", "add model, hardware and workload"),
        ({"server": {"kind": "cheaper", "times": 3}}, "bill.server", "give a system or a price"),
        ({"against": [{"name": "a", "server": {"kind": "system"}}]}, "bill.against.0", "hardware"),
        ({"server": {"kind": "api", "model": "kimi-k2.5"}}, "bill.traffic", "per_request"),
        ({"traffic": {"requests_per_month": 5}}, "input_tokens_per_request", "give it"),
        ({"traffic": {}}, "bill.traffic", "tokens_per_month"),
        (
            {"traffic": {"tokens_per_month": 1e6, "cached_share": 0.5}},
            "bill.traffic.cached_share", "has no effect",
        ),
        (
            {"traffic": {"tokens_per_month": 1e9, "growth": 100, "months": 120}},
            "bill.traffic.growth", "smaller growth",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_with_its_field(asked, field, words):
    with pytest.raises(InputError) as refused:
        arithmetic(**asked)
    assert (refused.value.field or "").startswith(field) or field in (refused.value.field or "")
    assert words in str(refused.value)


def test_a_system_that_nobody_sells_or_without_a_bill_is_told():
    with pytest.raises(InputError, match="stands without a price"):
        bill(own(server={"kind": "system", "changes": {"hardware": "maia-200"}}), workers=1)
    with pytest.raises(InputError, match="the scenario has no bill"):
        bill(shortened("quickstart", 20))
    with pytest.raises(InputError, match="changes: hardwar"):
        bill(own(server={"kind": "system", "changes": {"hardwar": "b200"}}), workers=1)


def test_the_workloads_own_rate_day_and_night():
    asked = own(traffic={})
    found = bill(asked, workers=1)
    assert found.months[0].requests == pytest.approx(6 * 8766 * 3600 / 12, rel=0.3)
    assert any("day and night" in note for note in found.notes)


def test_more_traffic_is_never_a_lower_bill():
    bills = [
        bill(own(traffic={"requests_per_month": volume, "months": 1}), workers=1).usd
        for volume in (1e6, 3e7, 3.1e8)
    ]
    assert bills == sorted(bills)
    assert bills[0] < bills[-1]


def test_changes_are_those_of_the_command_line():
    changed = ask(
        own().model_dump(mode="json", exclude_unset=True), from_fields({"hardware": "b200"})
    )
    direct = bill(changed, workers=1)
    inside = bill(own(server={"kind": "system", "changes": {"hardware": "b200"}}), workers=1)
    assert inside.usd == pytest.approx(direct.usd)
