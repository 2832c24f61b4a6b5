"""results.json, the claim line and the README's table."""

import json

import pytest

from worldmodel.probing import Report
from worldmodel.settings import DataError
from worldmodel.workbook import claim, interval, pivot, read_results, write_readme_table
from worldmodel.workbook.results import BEGIN, END, find_results, write_results


def report(name="ball.clean.A.r2.k20", value=0.991, holds=True, **more):
    fields = {"low": 0.989, "high": 0.993, "seeds": 5, "n": 1000, "unit": "1", "mark": ">= 0.99", "limit": None}
    fields |= {"anchor": "none published", "model": "default", "preset": "full", "seconds": 1.0}
    return Report(name=name, value=value, holds=holds, **fields | more)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_results([report(), report("ball.clean.B.r2.first", 0.3, False, mark="<= 0.02")], tmp_path / "figures/results.json")
    return tmp_path


def test_what_must_be_nothing_is_shown_of_the_ball_alone(recorded):
    nothing = report("orbit.clean.B.r2.first", 0.0, mark="<= 0.02")
    write_results([nothing], recorded / "figures/results.json")
    (recorded / "README.md").write_text(f"{BEGIN}\n{END}")
    write_readme_table(recorded / "README.md", recorded / "figures/results.json")
    assert "orbit" not in (recorded / "README.md").read_text()
    assert "| `orbit.clean.B.r2.first` |" in (recorded / "figures/results.md").read_text()


def test_rows_come_back_as_they_were_written(recorded):
    run, rows = read_results()
    assert {"device", "threads", "torch", "commit", "date"} <= set(run)
    assert rows == [report(), report("ball.clean.B.r2.first", 0.3, False, mark="<= 0.02")]


def test_a_row_replaces_the_one_of_its_name_and_keeps_the_others(recorded):
    write_results([report(value=0.5, holds=False)], recorded / "figures/results.json")
    values = {row.name: row.value for row in read_results()[1]}
    assert values == {"ball.clean.A.r2.k20": 0.5, "ball.clean.B.r2.first": 0.3}


def test_results_are_found_from_the_folder_of_a_notebook(recorded, monkeypatch):
    (recorded / "notebooks").mkdir()
    monkeypatch.chdir(recorded / "notebooks")
    assert find_results() == recorded / "figures/results.json"


def test_no_results_are_a_data_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="make record"):
        read_results()


def test_a_claim_that_fails_is_shown_as_failed(recorded, capsys):
    assert not claim("ball.clean.A.r2.k20", 0.5, at_least=0.99)
    printed = capsys.readouterr().out
    assert printed.startswith("FAILS") and "0.5" in printed and "0.991 [0.989, 0.993]" in printed and "5 seeds" in printed


def test_a_claim_that_holds_says_so_and_a_nan_holds_nothing(recorded, capsys):
    assert claim("ball.clean.A.r2.k20", 0.995, at_least=0.99) and "holds" in capsys.readouterr().out
    assert not claim("ball.clean.A.r2.k20", float("nan"), at_least=0.99)
    assert not claim("ball.clean.B.r2.first", 0.3, at_most=0.02)


def test_what_has_no_mark_neither_holds_nor_fails(recorded, capsys):
    assert claim("ball.clean.A.r2.k20", 0.2)
    assert capsys.readouterr().out.startswith("no mark")


def test_both_ends_of_a_mark_may_be_asked(recorded, capsys):
    assert claim("ball.clean.E.slope", 1.05, at_least=0.9, at_most=1.1)
    assert not claim("ball.clean.E.slope", 1.2, at_least=0.9, at_most=1.1)
    assert not claim("ball.clean.E.slope", 0.8, at_least=0.9, at_most=1.1)
    assert "asked: 0.9 to 1.1" in capsys.readouterr().out


def test_an_interval_is_told_or_said_to_be_none():
    assert interval(report(value=10.0, low=9.0, high=11.5, unit="px")) == "10 [9, 11.5] px"
    assert interval(report(value=10.0, low=float("nan"), high=float("nan"))) == "10 [no interval]"


def test_the_readme_table_is_made_from_the_rows_and_again(recorded):
    readme = recorded / "README.md"
    readme.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    for _ in range(2):
        write_readme_table(readme, recorded / "figures/results.json")
        text = readme.read_text()
        assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
        assert f"`ball.clean.A.r2.k20` | {interval(report())} | 5 × 1000 | >= 0.99 | yes" in text and "**no**" in text
        assert text.count("ball.clean.B.r2.first") == 1


def test_the_file_holds_only_plain_json(recorded):
    write_results([report(value=float("nan"))], recorded / "figures/results.json")
    json.loads((recorded / "figures/results.json").read_text(), parse_constant=pytest.fail)


def test_a_pivot_has_a_line_for_each_condition_the_default_first():
    values = {"a.b": 1.0, "default": 2.0}
    rows = [
        report(f"ball.clean.family.{metric}.{condition}", value, low=value, high=value)
        for metric in ("A.r2", "E.slope") for condition, value in values.items()
    ]  # fmt: skip
    found = pivot(rows, "ball.clean.family", {"A.r2": "R² of g", "E.slope": "slope"}).splitlines()
    assert found[0] == "| | R² of g | slope | seeds |"
    assert found[2] == "| default | 2<br>[2,&nbsp;2] | 2<br>[2,&nbsp;2] | 5 |"
    assert found[3:] == ["| a.b | 1<br>[1,&nbsp;1] | 1<br>[1,&nbsp;1] | 5 |"]
