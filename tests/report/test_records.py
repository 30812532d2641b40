import json
import math
from dataclasses import replace

import pytest

from palindra.errors import InputError
from palindra.report.audit_page import Audit
from palindra.report.comparison import Comparison, Reliability, Row, Test
from palindra.report.records import from_json, to_json
from palindra.report.single import Evaluation


def test_a_comparison_survives_the_round_trip(comparison):
    for given in (comparison(), comparison(seeds=2, metrics=("MSE",), figures=False)):
        assert Comparison.from_json(given.to_json()) == given


def test_an_evaluation_and_an_audit_survive_the_round_trip(evaluation, audit):
    finite = replace(evaluation, scores={"AUROC": (0.9, 0.8, 1.0)}, higher_is_better={"AUROC": True})
    assert Evaluation.from_json(finite.to_json()) == finite
    assert Audit.from_json(audit.to_json()) == audit
    assert Audit.from_json(replace(audit, strands=None).to_json()) == replace(audit, strands=None)


def test_what_json_has_no_number_for_survives_in_strict_json():
    given = Test("AUROC", "a", "b", math.nan, -math.inf, math.inf, 0.5, 1.0, 1)
    text = to_json(given)

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse)["difference"] == "nan"
    read = from_json(Test, text)
    assert math.isnan(read.difference)
    assert (read.low, read.high) == (-math.inf, math.inf)


def test_every_double_is_read_back_exactly():
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2.0]
    row = Row("a", "strategy", "", None, None, 1e-17, {"m": values}, {})
    assert from_json(Row, to_json(row)) == row


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("row"), "Reliability lacks the field 'row'"),
        (lambda d: d.update(colour="red"), "unknown field 'colour'"),
        (lambda d: d.update(row=3), r"Reliability.row is 3, of type int; needed is str"),
        (lambda d: d.update(count=[1, 2.5]), r"Reliability.count\[1\] is 2.5"),
        (lambda d: d.update(low=[True]), r"Reliability.low\[0\] is True"),
        (lambda d: d.update(high="all"), "Reliability.high is 'all'"),
    ],
)
def test_an_error_names_the_field(change, message):
    value = json.loads(to_json(Reliability("a", [0.5], [0.5], [0.4], [0.6], [3])))
    change(value)
    with pytest.raises(InputError, match=message):
        from_json(Reliability, json.dumps(value))


def test_a_file_that_is_not_json_is_refused_with_its_line():
    with pytest.raises(InputError, match="line 2, column 1 is not JSON"):
        Comparison.from_json('{"title":\n}')


def test_parts_that_do_not_fit_together_are_refused(comparison):
    given = comparison(seeds=2)
    with pytest.raises(ValueError, match="two rows are named 'none'"):
        replace(given, rows=[*given.rows, given.rows[1]])
    with pytest.raises(ValueError, match="'none' is tested or drawn but is no row"):
        replace(given, rows=[row for row in given.rows if row.name != "none"])
    with pytest.raises(ValueError, match="whether higher 'log loss' is better"):
        replace(given, higher_is_better={"AUROC": True, "AUPRC": True})
    with pytest.raises(ValueError, match="primary metric 'MSE' is not one of"):
        replace(given, primary_metric="MSE")
    broken = given.to_json().replace('"primary_metric": "AUROC"', '"primary_metric": "MSE"')
    with pytest.raises(InputError, match="Comparison does not fit together"):
        Comparison.from_json(broken)
