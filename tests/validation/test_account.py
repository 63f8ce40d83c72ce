"""Every row of a file is scored, set aside or refused with a reason, and the three sums add up."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.validation.account import Account, Part
from simulator.validation.kernels import kernel_parts
from simulator.validation.measured.runs import Told
from simulator.validation.read import is_kernel_table, read_rows
from simulator.validation.validate import validate
from tests.nonempty import nonempty

EDGE = {
    "device": ("Apple M4 (10-core GPU)", "NVIDIA RTX 3090 24GB", "Abacus"),
    "n_devices": ("1.0", "", "4.0"),
    "model": ("Llama-2-7B", "Nobody-9B"),
    "weight_format": ("Q4_0", "F16", "chalk"),
    "engine": ("llama.cpp (Metal)", "T-MAC (CPU)", "by hand"),
    "scenario": ("decode",),
    "prompt_tokens": ("", "512", "many"),
    "gen_tokens": ("", "128"),
    "batch": ("1.0", ""),
    "metric": ("decode_tok_s", "prefill_tok_s", "ttft_ms", "watts"),
    "value": ("23.5", "0", ""),
    "notes": ("", "DERIVED from another row", "depth 4"),
}
DATACENTER = {
    "device_norm": ("NVIDIA A100", "AWS Trainium1", "Abacus"),
    "device": ("NVIDIA A100-SXM4-40GB", "NVIDIA A100"),
    "n_devices": ("1.0", "8.0", "", "some"),
    "model": ("meta-llama/Llama-2-7b-hf", "Nobody-9B"),
    "weight_precision": ("", "bf16", "int3"),
    "engine": ("vLLM", "TensorRT-LLM", "Deepspeed-MII"),
    "parallelism": ("", "Pipeline Parallelism", "tp8"),
    "scenario": ("offline", "server", "prefill"),
    "isl": ("128", ""),
    "osl": ("128", "34.5", ""),
    "concurrency_or_batch": ("16", ""),
    "request_rate": ("", "2.5"),
    "metric": ("total_tok_s", "output_tok_s_per_gpu", "tpot_ms", "ttft_ms", "watts"),
    "value": ("230.5", "x"),
    "notes": ("", "MTP SPEC DECODE ENABLED"),
    "spec_decode": ("", "yes"),
    "quality": ("published", "inferred"),
    "part": ("llm_inference_bench", "aws_neuron", "trt_old", "manual", "mlperf", "moon"),
}
SERVING = {
    "silicon_data_source": ("a.csv; silicon_concurrency=4", "somewhere"),
    "backend": ("vllm", "trtllm", "abacus"),
    "backend_version": ("", "1.2.0"),
    "model_path": ("meta-llama/Llama-3.1-8B-Instruct", "nvidia/Qwen3-32B-NVFP4", "Nobody-9B"),
    "system": ("h100_sxm", "gb200", "abacus"),
    "precision": ("", "bf16", "fp8"),
    "mode": ("agg", "disagg"),
    "isl": ("1024",),
    "osl": ("64",),
    "gemm_quant_mode": ("", "fp8"),
    "moe_quant_mode": ("", "fp8_block"),
    "batch_size": ("4", ""),
    "tp_size": ("1.0", "4.0", "16.0", "x"),
    "pp_size": ("1.0", "2.0"),
    "attention_dp_size": ("", "1.0", "16.0"),
    "moe_tp_size": ("1.0", "4.0", "0.0"),
    "moe_ep_size": ("1.0", "4.0", "0.0"),
    "silicon_ttft_ms": ("41.5", ""),
    "silicon_tpot_ms": ("7.5", ""),
}
TABLES = {"edge": EDGE, "datacenter": DATACENTER, "serving": SERVING}


def rows_like(columns: Mapping[str, Sequence[str]]) -> st.SearchStrategy[list[dict[str, str]]]:
    row = st.fixed_dictionaries({name: st.sampled_from(found) for name, found in columns.items()})
    return st.lists(row, min_size=1, max_size=12)


def written(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "source"])
        writer.writeheader()
        writer.writerows({"source": "nobody", **row} for row in rows)
    return path


def add_up(account: Account, rows: int) -> None:
    assert account.rows == rows
    assert account.scored + account.fitted + account.refused_rows == rows
    assert all(reason and count > 0 for reason, count in account.refused)


@pytest.mark.parametrize("kind", ["edge", "datacenter"])
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_made_up_tables_add_up(tmp_path_factory, kind: str, data: st.DataObject) -> None:
    rows = data.draw(rows_like(TABLES[kind]))
    path = written(tmp_path_factory.mktemp("table") / "table.csv", rows)
    try:
        (account,) = validate([path], leave_out=False).accounts
    except InputError as error:
        # Nothing of it could be scored, which is told with the reason that most rows have.
        assert "no row could be scored" in str(error)
        return
    add_up(account, len(rows))


@pytest.mark.parametrize("kind", TABLES)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_every_row_of_a_made_up_table_is_read_or_refused(
    tmp_path_factory, kind: str, data: st.DataObject
) -> None:
    rows = data.draw(rows_like(TABLES[kind]))
    path = written(tmp_path_factory.mktemp("table") / "table.csv", rows)
    read = list(read_rows(path))
    assert len(read) == len(rows)
    assert all(bool(row.points) != bool(row.refused) for row in read)
    assert all(point.value > 0 for row in read for point in row.points)


def test_a_row_that_stands_twice_is_scored_once(tmp_path: Path) -> None:
    row = {name: found[0] for name, found in EDGE.items()}
    other = row | {"prompt_tokens": "512", "value": "22.1"}
    path = written(tmp_path / "table.csv", [row, other, row, row])
    (account,) = validate([path], leave_out=False).accounts
    add_up(account, 4)
    assert dict(account.refused) == {"it repeats another row": 2}


def test_reasons_come_with_the_most_frequent_first() -> None:
    parts = [Part(2, refused="odd"), Part(3), Part(5, is_fitted=True), Part(9, refused="new")]
    account = Account.of("table", [*parts, Part(0, refused="never")])
    assert account.refused == (("new", 9), ("odd", 2))
    assert (account.rows, account.scored, account.fitted, account.refused_rows) == (19, 3, 5, 11)


GEMM = {
    "m": [8, 16, 64, 64] * 6, "n": [4096] * 24, "k": [512 * (1 + i) for i in range(24)],
    "latency": [0.01] * 24, "kernel_source": ["a"] * 24,
}  # fmt: skip


def parquet(path: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def test_one_datatype_that_a_device_lacks_does_not_end_a_table(tmp_path: Path) -> None:
    datatypes = ["bfloat16", "fp8", "nvfp4", "int3"] * 6
    path = parquet(tmp_path / "gemm_perf.parquet", **GEMM, gemm_dtype=datatypes)
    account = Account.of(str(path), kernel_parts(path, "a100-sxm-80gb"))
    add_up(account, 24)
    assert account.scored + account.fitted == 6
    assert sorted(rows for _, rows in account.refused) == [6, 6, 6]


def test_a_table_that_no_law_is_of_is_refused_whole(tmp_path: Path) -> None:
    path = parquet(tmp_path / "wideep_moe_perf.parquet", **GEMM)
    account = Account.of(str(path), kernel_parts(path, "h100-sxm"))
    add_up(account, 24)
    assert account.refused == (("no law is scored on tables called wideep_moe_perf.parquet", 24),)
    with pytest.raises(InputError, match="no row could be scored") as error:
        validate([path], told=Told("h100-sxm"))
    assert "wideep_moe" in str(error.value)


def test_a_table_that_lacks_a_column_is_refused_by_its_name(tmp_path: Path) -> None:
    path = parquet(tmp_path / "gemm_perf.parquet", **GEMM)
    ((reason, rows),) = Account.of("", kernel_parts(path, "h100-sxm")).refused
    assert rows == 24
    assert "gemm_dtype" in reason


def test_rows_tell_their_device_where_the_folder_does_not(tmp_path: Path) -> None:
    named = {"gemm_dtype": ["bfloat16"] * 24, "device": ["NVIDIA L40S"] * 24}
    path = parquet(tmp_path / "gemm_perf.parquet", **GEMM, **named)
    assert {s.hardware for part in kernel_parts(path) for s in part.samples} == {"l40s"}
    other = parquet(tmp_path / "moe_perf.parquet", **GEMM)
    with pytest.raises(InputError, match="which device was measured"):
        kernel_parts(other)


def tables_of(folder: Path) -> Iterator[tuple[Path, int]]:
    """The tables that validation reads, with their numbers of rows."""
    from pyarrow.parquet import read_metadata

    for path in sorted((folder / "kernels").glob("*/*/*.parquet")):
        yield path, read_metadata(path).num_rows


@pytest.mark.slow
def test_every_kernel_table_at_hand_adds_up(shared_data: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    for path, rows in nonempty(tables_of(shared_data)):
        add_up(Account.of(str(path), kernel_parts(path)), rows)


@pytest.mark.slow
def test_every_other_table_at_hand_is_read_or_refused_row_by_row(shared_data: Path) -> None:
    folders = ("published", "serving", "splitwise")
    files = [path for name in folders for path in sorted((shared_data / name).glob("*.csv"))]
    for path in nonempty(path for path in files if path.name != "sources.csv"):
        assert not is_kernel_table(path)
        with path.open(encoding="utf-8", newline="") as file:
            rows = sum(1 for _ in csv.DictReader(file))
        read = list(read_rows(path))
        assert len(read) == rows
        assert all(bool(row.points) != bool(row.refused) for row in read), path


@pytest.mark.slow
def test_files_at_hand_add_up_once_asked(shared_data: Path) -> None:
    small = shared_data / "published" / "datacenter_npu.csv"
    (account,) = validate([small], leave_out=False).accounts
    with small.open(encoding="utf-8", newline="") as file:
        add_up(account, sum(1 for _ in csv.DictReader(file)))
