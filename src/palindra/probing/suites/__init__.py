"""Benchmark suites as declared task lists: their released files, and what others published, with its warnings."""

from palindra.probing.suites.declared import SUITES, Figure, Suite, SuiteTask, find_suite, parse_suite
from palindra.probing.suites.genomes import Genomes, parse_genomes
from palindra.probing.suites.hub import download
from palindra.probing.suites.loading import Loaded, load, load_task, present
from palindra.probing.suites.splits import Leak, cut_validation, find_leaks
from palindra.probing.suites.tasks import probe_task, suite_score, variant_task
from palindra.probing.suites.variants import Frame, MeasuredVariants

__all__ = [
    "SUITES",
    "Figure",
    "Frame",
    "Genomes",
    "Leak",
    "Loaded",
    "MeasuredVariants",
    "Suite",
    "SuiteTask",
    "cut_validation",
    "download",
    "find_leaks",
    "find_suite",
    "load",
    "load_task",
    "parse_genomes",
    "parse_suite",
    "present",
    "probe_task",
    "suite_score",
    "variant_task",
]
