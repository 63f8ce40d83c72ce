"""The modes by their names."""

from collections.abc import Mapping

from simulator.roofline.modes.diffusion import diffusion
from simulator.roofline.modes.draft_model import draft_model
from simulator.roofline.modes.drafting import Mode
from simulator.roofline.modes.eagle import eagle, eagle3
from simulator.roofline.modes.lookup import lookup
from simulator.roofline.modes.medusa import medusa
from simulator.roofline.modes.mtp import mtp

MODES: Mapping[str, Mode] = {
    "mtp": mtp,
    "draft": draft_model,
    "eagle": eagle,
    "eagle3": eagle3,
    "medusa": medusa,
    "ngram": lookup,
    "suffix": lookup,
    "diffusion": diffusion,
}
