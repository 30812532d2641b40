"""Pieces of work that any machine can do, done once each, on this machine or on a Ray cluster."""

from palindra.engine.engine import ENGINES, Engine, make_engine
from palindra.engine.units import Result, Unit, read_result
from palindra.engine.work import Failure, WorkFailed, work

__all__ = [
    "ENGINES",
    "Engine",
    "Failure",
    "Result",
    "Unit",
    "WorkFailed",
    "make_engine",
    "read_result",
    "work",
]
