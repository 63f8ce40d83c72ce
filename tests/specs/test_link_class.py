"""Links and memories by their technology: exact names, classes stated, and nothing silent."""

import pytest

from simulator.errors import InputError
from simulator.planning.browse import check_catalogue
from simulator.specs import catalogue
from simulator.specs.folders import SPECS, names
from simulator.specs.hardware import HostLink, Link
from simulator.specs.link_class import link_class
from simulator.specs.memory_class import memory_class
from simulator.specs.reading import read_mapping, validate


def link(kind=Link, **fields):
    return validate(kind, {"bandwidth": 1e11, **fields}, "my-chip.yaml")


@pytest.mark.parametrize(
    ("kind", "technology", "expected"),
    [
        (Link, "NVLink 4", "nvlink.4"),
        (Link, "nvlink 4 THROUGH nvswitch", "nvlink.4"),
        (Link, "PCIe 5 x16", "pcie"),
        (HostLink, "PCIe 5.0 x16", "pcie"),
        (HostLink, "Infinity Fabric", "chip"),
        (Link, "Infinity Fabric", "infinity-fabric"),
    ],
)
def test_a_known_technology_has_its_class(kind, technology, expected):
    assert link(kind, technology=technology).link_class == expected


def test_an_unknown_technology_says_which_is_nearest_or_names_its_class():
    with pytest.raises(InputError) as caught:
        link(technology="NVLnk 4")
    assert "my-chip.yaml: technology: unknown link technology 'NVLnk 4'" in str(caught.value)
    assert "NVLink 4" in str(caught.value)
    assert "class: ethernet" in str(caught.value)
    assert link(technology="NVLnk 4", **{"class": "nvlink"}).link_class == "nvlink"
    with pytest.raises(InputError, match="did you mean nvlink"):
        link(technology="NVLink 4", **{"class": "nvlnk"})
    with pytest.raises(InputError, match="unknown link class"):
        link(HostLink, technology="PCIe 5", **{"class": "ethernet"})


def test_a_variant_with_another_technology_has_its_class(tmp_path):
    path = tmp_path / "mine.yaml"
    text = "name: mine\ntitle: Mine\nbase: gaudi-3\nlinks: {scale_up: {technology: NVLink 5}}"
    path.write_text(text, encoding="utf-8")
    assert catalogue.hardware("gaudi-3").links.scale_up.link_class == "ethernet"
    assert catalogue.hardware(str(path)).links.scale_up.link_class == "nvlink.5"


@pytest.mark.parametrize("between", ["link_classes", "host_link_classes"])
def test_every_class_reads_and_every_listed_technology_has_one(between):
    listed = read_mapping(SPECS / "link_technologies.yaml")[between]
    assert {name.split(".")[0] for name in listed} == set(names(SPECS / between))
    for name in listed:
        assert link_class(name, between).constants
    technologies = [t.lower() for group in listed.values() for t in group]
    assert len(set(technologies)) == len(technologies)


def test_a_generation_of_links_has_the_constants_of_its_class():
    assert link_class("nvlink.4", "link_classes") == link_class("nvlink", "link_classes")
    with pytest.raises(InputError, match="unknown link class"):
        link_class("nvlink.7", "link_classes")


def test_a_memory_is_of_the_class_its_name_begins_with():
    assert memory_class("HBM3e") is memory_class("HBM (HiBL 1.0)")
    assert memory_class("LPDDR5X-8533 128-bit") is not memory_class("DDR5-4800")
    assert memory_class(None) is memory_class("DDR5")
    with pytest.raises(InputError, match="did you mean HBM"):
        memory_class("HBN3")


def test_the_check_names_a_memory_of_no_known_class(tmp_path):
    path = tmp_path / "mine.yaml"
    text = "name: mine\ntitle: Mine\nbase: h100-sxm\nmemory: {main: {technology: HBN3}}"
    path.write_text(text, encoding="utf-8")
    assert "memory.main.technology" in [f.field for f in check_catalogue([str(path)])]
