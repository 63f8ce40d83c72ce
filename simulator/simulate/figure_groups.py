"""The figures of energy and of cost, as parts of the one table of figures."""

from simulator.simulate.derived import (
    carbon,
    cost_of,
    over,
    per_million,
    share_of,
    solved_task,
)
from simulator.simulate.figure import Error, Figure

_POWER: tuple[Error, ...] = ("power",)
_ENERGY: tuple[Error, ...] = ("step", "power")
_SITE: tuple[Error, ...] = ("step", "power", "site")
_COST: tuple[Error, ...] = ("step", "price")

ENERGY: tuple[Figure, ...] = (
    Figure(
        "power_w", "watts", "Power",
        "mean power of all devices, idle time included", better="lower", errors=_POWER,
        column=True, measured=lambda m: m.power_w,
    ),
    Figure(
        "power_w_per_device", "watts", "Power a device", "mean power of one device", "Power",
        "a device", better="lower", errors=_POWER, column=True,
        derived=over("power_w", "devices"),
    ),
    Figure(
        "joules_per_output_token", "joules", "Energy", "energy of all devices over output tokens",
        "Energy", "per output token", "lower", _ENERGY, column=True,
        derived=over("power_w", "output_tokens_per_s"),
    ),
    Figure(
        "joules_per_total_token", "joules", "Energy with prompts",
        "energy of all devices over input and output tokens", "Energy", "per token", "lower",
        _ENERGY, column=True, derived=over("power_w", "total_tokens_per_s"),
    ),
    Figure(
        "watts_per_token_per_s", "W per token/s", "Power for throughput",
        "power over output throughput, the same number as energy per output token",
        better="lower", errors=_ENERGY, column=True,
        derived=over("power_w", "output_tokens_per_s"),
    ),
    Figure(
        "joules_per_request", "joules", "Energy of a request",
        "energy of all devices over finished requests", "A request", "per request", "lower",
        _ENERGY, column=True, derived=over("power_w", "requests_per_s"),
    ),
    Figure(
        "host_power_w", "watts", "Power of hosts",
        "processors, memory, adapters and fans of all servers, and what their power supplies lose, "
        "as of owned ones", better="lower", errors=("host",), column=True,
    ),
    Figure(
        "network_power_w", "watts", "Power of the network", "switches between servers",
        better="lower", errors=("network",), column=True,
    ),
    Figure(
        "cooling_power_w", "watts", "Power of cooling",
        "(PUE − 1) times the power of devices, hosts and network", better="lower",
        errors=("power", "cooling"), column=True,
    ),
    Figure(
        "wall_power_w", "watts", "Power at the plug",
        "devices and hosts, as a meter before the servers shows it", better="lower",
        errors=("power", "wall"), column=True,
    ),
    Figure(
        "site_power_w", "watts", "Power of the site", "devices, hosts, network and cooling",
        better="lower", errors=("power", "site"), column=True,
    ),
    Figure(
        "wall_joules_per_output_token", "joules", "Energy at the plug",
        "power at the plug over output throughput", "At the plug", "per output token", "lower",
        ("step", "power", "wall"), column=True, derived=over("wall_power_w", "output_tokens_per_s"),
    ),
    Figure(
        "site_joules_per_output_token", "joules", "Energy of the site",
        "power of the site over output throughput", "Site", "per output token", "lower", _SITE,
        column=True, derived=over("site_power_w", "output_tokens_per_s"),
    ),
    Figure(
        "site_joules_per_request", "joules", "Energy of the site for a request",
        "power of the site over finished requests a second", "A request", "per request", "lower",
        _SITE, column=True, derived=over("site_power_w", "requests_per_s"),
    ),
    Figure(
        "co2_g_per_million_tokens", "grams", "Carbon",
        "energy of the site times the grid's intensity, over input and output tokens", "Carbon",
        "per M tokens", "lower", _SITE, column=True,
        derived=per_million(carbon("total_tokens_per_s")),
    ),
    Figure(
        "co2_g_per_request", "grams", "Carbon of a request",
        "energy of the site times the grid's intensity, over finished requests", "Carbon",
        "per request", "lower", _SITE, column=True, derived=carbon("requests_per_s"),
    ),
)  # fmt: skip

COST: tuple[Figure, ...] = (
    Figure(
        "usd_per_million_input_tokens", "usd", "Cost of input",
        "the share of the cost that the rule gives to prompts, over input tokens that no cache "
        "spared", "Input", "per M input tokens", "lower", _COST, column=True,
        derived=cost_of(lambda cost: cost.usd_per_million_input_tokens),
    ),
    Figure(
        "usd_per_million_cached_input_tokens", "usd", "Cost of cached input",
        "the share of the cost that the rule gives to cached prefixes (memory held for them, "
        "waits for lower tiers), over input tokens that the cache spared", "Cached input",
        "per M cached input tokens", "lower", _COST, column=True,
        derived=cost_of(lambda cost: cost.usd_per_million_cached_input_tokens),
    ),
    Figure(
        "usd_per_million_output_tokens", "usd", "Cost of output",
        "all the rest of the cost, over output tokens", "Output", "per M output tokens", "lower",
        _COST, column=True, derived=cost_of(lambda cost: cost.usd_per_million_output_tokens),
    ),
    Figure(
        "usd_per_million_tokens", "usd", "Cost",
        "all of the cost over input and output tokens, at the load that was asked for",
        "Cost", "per M tokens", "lower", _COST, column=True,
        derived=cost_of(lambda cost: cost.usd_per_million_tokens),
    ),
    Figure(
        "usd_per_request", "usd", "Cost of a request", "all of the cost over finished requests",
        "A request", "per request", "lower", _COST, column=True,
        derived=over("usd_per_s", "requests_per_s"),
    ),
    Figure(
        "usd_per_solved_task", "usd", "Cost of a solved task",
        "the cost of a task (a conversation where there are any, otherwise a request) over the "
        "share of tasks that are solved, which the scenario gives", "A solved task",
        "per solved task", "lower", _COST, column=True, derived=solved_task,
    ),
    Figure(
        "cost_rule", "text", "Rule of the cost",
        "how the cost is divided among kinds of tokens", column=True, prose=True,
    ),
    Figure(
        "usd_per_conversation", "usd", "Cost of a conversation",
        "all of the cost over conversations that took place, where requests are turns of them",
        "A conversation", "per conversation", "lower", _COST,
        derived=over("usd_per_s", "conversations_per_s"),
    ),
    *(
        Figure(
            f"cost_share_{kind}", "fraction", f"Share of {words}",
            f"part of the cost that the rule gives to {words}", derived=share_of(part),
        )
        for kind, part, words in (
            ("input", "uncached", "input that no cache spared"),
            ("cached_input", "cached", "cached input"),
            ("output", "output", "output"),
        )
    ),
)  # fmt: skip
