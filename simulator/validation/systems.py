"""The machines whose kernels NVIDIA's aiconfigurator has tables of."""

from collections.abc import Mapping
from pathlib import Path

SYSTEMS: Mapping[str, str] = {
    "a100_sxm": "a100-sxm-80gb",
    "h100_sxm": "h100-sxm",
    "h200_sxm": "h200-sxm",
    "b200_sxm": "b200",
    "l40s": "l40s-host-bridge",
    "a100_pcie": "a100-pcie-80gb",
    "h100_pcie": "h100-pcie",
    "h20_sxm": "h20",
    "b300_sxm": "b300",
    "gb200": "gb200-nvl72",
    "gb200_sxm": "gb200-nvl72",
    "gb300": "gb300-nvl72",
    "gb300_sxm": "gb300-nvl72",
    "gh200": "gh200",
    "rtx_pro_6000": "rtx-pro-6000",
    "rtx_pro_6000_server": "rtx-pro-6000",
}
"""Folder names of the tables and the catalogue's names of their devices."""


def system_of(path: Path, otherwise: str = "") -> str:
    """Name of the machine whose folder a table lies in: what tells its rows from another's."""
    known = (part for part in path.resolve().parts if part in SYSTEMS)
    return next(known, otherwise)
