"""Metrics of all models as a table and as JSON, and the items recommended to every user."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from palindra.cli.provenance import commit, versions
from palindra.data.recommendation import Histories
from palindra.evaluation.recommendation import model_scores
from palindra.evaluation.statistics import paired_test
from palindra.models.cosrec import CosRec

METRICS, SUMMARY, RECOMMENDATIONS = "metrics.tsv", "metrics.json", "recommendations.tsv"

Results = Mapping[str, Sequence[Mapping[str, Any]]]


def table(results: Results) -> str:
    """One line per model: parameters, and the mean over seeds of every metric."""
    names = list(next(iter(results.values()))[0]["means"])
    lines = ["\t".join(["model", "seeds", "parameters", *names])]
    for model, runs in results.items():
        trained = "parameters" in runs[0]
        fields = [model, str(len(runs)) if trained else "-", str(runs[0]["parameters"]) if trained else "-"]
        fields += [f"{np.mean([run['means'][name] for run in runs]):.4f}" for name in names]
        lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"


def summary(results: Results, settings: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """Everything measured; beside it the paired tests of the MAP of users against item-kNN."""
    per_user = {
        name: np.mean([run["average_precision_of_users"] for run in runs], axis=0) for name, runs in results.items()
    }
    tests = {
        name: paired_test(values, per_user["item-kNN"])._asdict()
        for name, values in per_user.items()
        if name != "item-kNN"
    }
    found = {
        "settings": dict(settings),
        **facts,
        "versions": versions(),
        "commit": commit(),
        "results": results,
        "MAP_of_users_minus_item-kNN": tests,
    }
    return json.dumps(found, indent=1) + "\n"


def recommendations(model: CosRec, whole: Histories, top: int) -> str:
    """For each user the best items not taken, after all of the history (the test part as well)."""
    past = [np.concatenate(pair) for pair in zip(whole.train, whole.test, strict=True)]
    scores, known = model_scores(model, past), whole.known
    lines = ["user\trank\titem\tscore"]
    for start in range(0, len(past), 256):
        users = np.arange(start, min(start + 256, len(past)))
        for user, row in zip(users, scores(users), strict=True):
            left = np.setdiff1d(known, past[user])
            best = left[np.argsort(-row[left - 1], kind="stable")][:top]
            lines += [
                f"{whole.users[user]}\t{rank}\t{whole.items[item - 1]}\t{row[item - 1]:.6g}"
                for rank, item in enumerate(best, start=1)
            ]
    return "\n".join(lines) + "\n"
