"""The house has no circles: not between rooms, nor within one, nor hidden inside functions."""

from graphlib import TopologicalSorter

import grimp


def test_no_two_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("simulator", exclude_type_checking_imports=True)
    assert len(graph.modules) > 200
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle
