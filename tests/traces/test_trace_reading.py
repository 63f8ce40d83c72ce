"""Traces of every known format, and what is said about bad ones."""

import gzip
import json

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.read import read_trace

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,879,55
"""
MOONCAKE = """{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}
{"timestamp": 3000, "input_length": 700, "output_length": 6, "hash_ids": [0, 2]}
"""
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
45,ChatGPT,1087,0,1087,Conversation log
118,GPT-4,417,276,693,Conversation log
"""
BAILIAN = """{"chat_id": 1, "parent_chat_id": -1, "timestamp": 1.5, "input_length": 40, \
"output_length": 3, "type": "text", "turn": 1, "hash_ids": [7, 8, 9]}
{"chat_id": 2, "parent_chat_id": 1, "timestamp": 4.0, "input_length": 60, "output_length": 3, \
"type": "text", "turn": 2, "hash_ids": [7, 8, 9, 10]}
"""


def read(tmp_path, text, **options):
    file = tmp_path / "trace"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(Trace(kind="trace", file=file, **options))


def refuse(tmp_path, text, **options):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **options)
    assert str(tmp_path / "trace") in str(caught.value)
    return str(caught.value)


def test_azure(tmp_path):
    table = read(tmp_path, AZURE)
    np.testing.assert_allclose(table.arrival_s, [0, 4.314579, 4.541877], atol=1e-6)
    assert table.input_tokens.tolist() == [374, 396, 879]
    assert table.output_tokens.tolist() == [44, 109, 55]


def test_mooncake(tmp_path):
    table = read(tmp_path, MOONCAKE, time_scale=2.0)
    assert table.arrival_s.tolist() == [0, 6]
    assert table.prefix_blocks == ((0, 1), (0, 2))
    assert table.prefix_block_tokens == 512


def test_sessions_of_mooncake_follow_their_answers(tmp_path):
    text = (
        '{"timestamp": 0, "session_id": "a", "input_length": 10, "output_length": 5}\n'
        '{"timestamp": 100, "session_id": "b", "input_length": 10, "output_length": 5}\n'
        '{"delay": 2500, "session_id": "a", "input_length": 20, "output_length": 5}\n'
    )
    table = read(tmp_path, text)
    assert table.follows.tolist() == [-1, -1, 0]
    assert table.delay_s.tolist() == [0, 0, 2.5]
    assert table.session.tolist() == [0, 1, 0]


def test_bailian_counts_seconds_and_small_blocks(tmp_path):
    table = read(tmp_path, BAILIAN)
    assert table.arrival_s.tolist() == [0, 2.5]
    assert table.prefix_block_tokens == 16
    assert table.session.tolist() == [0, 0]


def test_burstgpt_and_its_failed_requests(tmp_path):
    message = refuse(tmp_path, BURSTGPT)
    assert "line 3" in message
    assert "skip_empty" in message
    table = read(tmp_path, BURSTGPT, skip_empty=True)
    assert table.arrival_s.tolist() == [0, 113]


def test_results_of_a_benchmark_can_be_sent_again(tmp_path):
    result = {
        "duration": 3.0, "input_lens": [10, 20, 30], "output_lens": [1, 2, 0],
        "start_times": [100.5, 100.0, 101.0], "errors": ["", "", "timeout"],
    }  # fmt: skip
    table = read(tmp_path, json.dumps(result))
    assert table.input_tokens.tolist() == [20, 10]
    assert table.arrival_s.tolist() == [0, 0.5]


def test_weka_sessions_think_between_calls(tmp_path):
    calls = [
        {"t": 0.0, "in": 300, "out": 10, "hash_ids": [1, 2, 3, 4], "think_time": 0.0},
        {"requests": [{"t": 5.0, "in": 90, "out": 4, "hash_ids": [9], "think_time": 1.0}]},
        {"t": 18.0, "in": 400, "out": 10, "hash_ids": [1, 2, 3, 4, 5], "think_time": 10.0},
    ]
    table = read(tmp_path, json.dumps({"id": "x", "block_size": 64, "requests": calls}, indent=1))
    assert table.prefix_block_tokens == 64
    assert table.follows.tolist() == [-1, 0, 1]
    assert table.delay_s.tolist() == [0, 1, 10]


def test_any_csv_by_its_columns(tmp_path):
    text = "who,when,prompt,answer\nann,10,5,6\nbob,20,7,8\nann,35,9,10\n"
    columns = {
        "arrival": "when", "input_tokens": "prompt", "output_tokens": "answer", "session": "who",
    }  # fmt: skip
    table = read(tmp_path, text, columns=columns, time_unit="ms")
    np.testing.assert_allclose(table.arrival_s, [0, 0.01, 0.025])
    assert table.session.tolist() == [0, 1, 0]
    assert "no column 'when2'" in refuse(tmp_path, text, columns=columns | {"arrival": "when2"})
    assert "is given for output_tokens" in refuse(
        tmp_path, text, columns={"arrival": "when", "input_tokens": "prompt"}
    )


def test_own_requests_and_compressed_files(tmp_path):
    text = "request_id,arrival_s,input_tokens,output_tokens\n0,1.5,10,4\n1,2.5,20,5\n"
    table = read(tmp_path, gzip.compress(text.encode()))
    assert table.arrival_s.tolist() == [0, 1]


def test_rows_at_one_moment_and_long_gaps_are_kept(tmp_path):
    rows = [f"{t},5,5" for t in (0, 0, 0, 86400)]
    table = read(tmp_path, "\n".join(["arrival_s,input_tokens,output_tokens", *rows]))
    assert table.arrival_s.tolist() == [0, 0, 0, 86400]


def test_a_limit_reads_no_further(tmp_path):
    assert len(read(tmp_path, AZURE + "garbage\n", limit=2)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no requests"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("colour,shape\nred,round\n", "not recognised"),
        (AZURE + "2023-11-16 18:15:40,1,1\n", "line 5"),
        (AZURE + "2023-11-16 18:16:40,1\n", "expected 3 columns"),
        (AZURE + "yesterday,1,1\n", "not a date and time"),
        (AZURE + "2023-11-16 18:16:40,many,1\n", "must be a whole number"),
        (AZURE + "2023-11-16 18:16:40,-4,1\n", "line 5"),
        (AZURE + "2023-11-16 18:16:40,4,0\n", "0 tokens"),
        (MOONCAKE + "{broken\n", "line 3"),
        (MOONCAKE + "[1, 2]\n", "expected an object"),
        ('{"timestamp": 0, "input_length": 5}\n', "'output_length' is missing"),
        ('{"timestamp": "soon", "input_length": 5, "output_length": 1}\n', "must be a number"),
        ('{"timestamp": NaN, "input_length": 5, "output_length": 1}\n', "must be a finite time"),
        ('{"timestamp": 0, "input_length": 5, "output_length": 1, "hash_ids": "x"}', "hash_ids"),
        ('{"input_lens": [1], "duration": 1}', "--save-detailed"),
    ],
)
def test_bad_files_are_refused_by_name_and_line(tmp_path, text, said):
    assert said in refuse(tmp_path, text)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_trace(Trace(kind="trace", file=tmp_path / "nothing.csv"))


def test_the_published_traces(shared_data):
    traces = shared_data / "traces"
    for file, rows, hashes in (
        (traces / "azure_llm_2023" / "AzureLLMInferenceTrace_conv.csv", 19_366, False),
        (traces / "azure_llm_2023" / "AzureLLMInferenceTrace_code.csv", 8_819, False),
        (traces / "mooncake_fast25" / "conversation_trace.jsonl", 12_031, True),
        (
            traces / "sharegpt_llmservingsim" / "sharegpt-qwen3-32b-300-sps10.lengths.csv",
            300,
            False,
        ),
    ):
        table = read_trace(Trace(kind="trace", file=file))
        assert len(table) == rows
        assert (table.prefix_blocks is not None) == hashes
    sessions = traces / "weka_kv_cache_tester" / "sample_original_json"
    for file in sorted(sessions.glob("*"))[:3]:
        table = read_trace(Trace(kind="trace", file=file))
        assert (table.follows[1:] == np.arange(len(table) - 1)).all()


def weka_session(name, times, hashes, **fields):
    calls = [
        {"t": t, "in": 64 * len(hashes), "out": 5, "hash_ids": hashes, "think_time": 1.0}
        for t in times
    ]
    return json.dumps({"id": name, "block_size": 64, "requests": calls} | fields)


def test_a_folder_of_sessions_is_one_trace(tmp_path):
    (tmp_path / "a.json").write_text(weka_session("same", [0.0, 9.0], [1, 2]))
    content = weka_session("same", [2.0, 4.0, 3.0], [1, 2, 3]).encode()
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(content))
    (tmp_path / "LICENSE").write_text("not a session")
    table = read_trace(Trace(kind="trace", file=tmp_path))
    np.testing.assert_allclose(table.arrival_s, [0, 2, 4, 4, 9])
    assert table.session.tolist() == [0, 1, 1, 1, 0]
    assert table.follows.tolist() == [-1, -1, 1, 2, 0]
    assert table.prefix_block_tokens == 64
    # A session's hashes are its own.
    assert not set(table.prefix_blocks[0]) & set(table.prefix_blocks[1])
    assert table.prefix_blocks[1] == table.prefix_blocks[2]
    assert len(read_trace(Trace(kind="trace", file=tmp_path, limit=3))) == 3


def test_sessions_with_global_hashes_share_them(tmp_path):
    for name in ("a", "b"):
        text = weka_session(name, [0.0], [1, 2], hash_id_scope="global")
        (tmp_path / f"{name}.json").write_text(text)
    table = read_trace(Trace(kind="trace", file=tmp_path))
    assert table.prefix_blocks[0] == table.prefix_blocks[1] == (1, 2)


def test_a_bad_file_of_a_folder_is_named(tmp_path):
    def refused(**options):
        with pytest.raises(InputError) as caught:
            read_trace(Trace(kind="trace", file=tmp_path, **options))
        return str(caught.value)

    assert "no .json" in refused()
    (tmp_path / "a.json").write_text(weka_session("a", [0.0], [1]))
    assert "not as mooncake" in refused(format="mooncake")
    (tmp_path / "b.json").write_text("{broken")
    assert "b.json: this file of the folder is not a WEKA session" in refused()
    (tmp_path / "b.json").write_text(weka_session("b", [0.0], [1], block_size=32))
    assert "its blocks hold 32 tokens, those of a.json 64" in refused()
    (tmp_path / "b.json").write_text(weka_session("b", ["soon"], [1]))
    assert "b.json: line 1: t must be a number" in refused()


def test_published_sessions_run_side_by_side(shared_data):
    folder = shared_data / "traces" / "weka_kv_cache_tester" / "sample_original_json"
    table = read_trace(Trace(kind="trace", file=folder))
    assert len(np.unique(table.session)) == len(list(folder.glob("*.json*")))
    assert (np.diff(table.arrival_s) >= 0).all()
    assert (table.follows == -1).sum() == len(np.unique(table.session))


def test_time_zones_of_azure_stamps_count(tmp_path):
    header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    stamps = (
        "2024-05-10 01:30:00.5+02:00", "2024-05-09 23:30:01.5", "2024-05-09T23:30:02.25Z",
        "2024-05-09 18:30:03.0000000-0500",
    )  # fmt: skip
    table = read(tmp_path, header + "".join(f"{stamp},10,5\n" for stamp in stamps))
    np.testing.assert_allclose(table.arrival_s, [0, 1, 1.75, 2.5], atol=1e-6)


@pytest.mark.parametrize(
    "stamp", ["2023-02-30 10:00:00", "2023-11-16 25:00:00.1", "9999-99-99", "0000-01-01", "16:00"]
)
def test_impossible_dates_are_refused(tmp_path, stamp):
    text = f"{AZURE}{stamp},10,5\n"
    assert "line 5: TIMESTAMP" in refuse(tmp_path, text)


def test_damaged_files_are_refused(tmp_path):
    packed = gzip.compress(AZURE.encode() * 50)
    assert "cannot be read" in refuse(tmp_path, packed[:40])
    assert "cannot be read" in refuse(tmp_path, packed[:30] + b"\x00\xff\x13" + packed[33:])
    assert "not UTF-8" in refuse(tmp_path, b"TIMESTAMP\xff\xfe")
    assert "line 2: a field is longer" in refuse(tmp_path, AZURE[:45] + '"' + "9" * 200_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_length", "9223372036854775808"),
        ("output_length", "1" * 5000),
        ("output_length", "true"),
        ("input_length", "1e3"),
        ("timestamp", "1e999"),
        ("timestamp", "1" * 400),
        ("timestamp", "false"),
        ("hash_ids", '{"1": 2}'),
        ("hash_ids", '"123"'),
        ("hash_ids", "[1.5]"),
        ("hash_ids", "[-1]"),
        ("hash_ids", "[1e999]"),
        ("session_id", "[1]"),
        ("session_id", '{"a": 1}'),
    ],
)
def test_values_that_no_request_has_are_refused_by_their_name(tmp_path, field, value):
    fields = {"timestamp": "0", "input_length": "10", "output_length": "5", field: value}
    line = ", ".join(f'"{name}": {text}' for name, text in fields.items())
    message = refuse(tmp_path, f"{{{line}}}\n")
    assert "line 1" in message
    assert field in message or "too many digits" in message
    assert len(message) < 1000


def test_a_trace_may_be_nested_no_deeper_than_any_honest_one(tmp_path):
    text = '{"timestamp": 0, "input_length": 1, "output_length": 1, "x": '
    deep = text + "[" * 100_000 + "]" * 100_000 + "}"
    assert "nested too deeply" in refuse(tmp_path, deep)


def test_a_format_that_is_named_but_not_there_is_refused(tmp_path):
    for name in ("vllm-bench", "weka", "mooncake", "bailian", "azure", "burstgpt", "csv"):
        for text in ("x,y\n1,2\n", "[1]", "null", '{"requests": 3, "block_size": 16}'):
            assert refuse(tmp_path, text, format=name)


def test_sizes_of_blocks_are_stated(tmp_path):
    text = json.dumps({"id": "a", "block_size": "big", "requests": [{"t": 0, "in": 1, "out": 1}]})
    assert "block_size" in refuse(tmp_path, text, format="weka")
