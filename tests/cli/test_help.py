"""Help that is quick, whole, and says something of every option."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import typer

import palindra as package
from palindra.cli.main import app

COMMANDS = [
    "compare",
    "train",
    "evaluate",
    "predict",
    "search",
    "audit",
    "variants",
    "mutagenesis",
    "explain",
    "shift",
    "designs",
    "recommend",
    "fold",
    "fold-train",
    "pretrain",
    "finetune",
    "embed",
    "geometry",
    "benchmark",
    "probe",
    "export",
]


def test_the_commands_are_listed_with_whole_sentences(palindra):
    result = palindra("--help")
    assert result.code == 0
    for name in COMMANDS:
        line = next(line for line in result.out.splitlines() if line.strip().startswith(name + " "))
        assert line.endswith(".")
        assert "..." not in line
    assert [command.name for command in app.registered_commands] == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_is_explained(palindra, name: str):
    callback = next(command.callback for command in app.registered_commands if command.name == name)
    assert callback is not None
    for parameter in inspect.signature(callback, eval_str=True).parameters.values():
        (info,) = parameter.annotation.__metadata__
        assert isinstance(info, typer.models.ParameterInfo)
        assert info.help is not None
        assert info.help.endswith((".", ")."))
    result = palindra(name, "-h")
    assert result.code == 0
    assert "Usage: palindra " + name in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_module_says_what_the_command_says(name: str):
    command = next(command for command in app.registered_commands if command.name == name)
    module = inspect.getmodule(command.callback)
    assert module is not None
    assert module.__doc__ is not None
    assert command.callback is not None
    assert command.callback.__doc__ is not None
    assert command.callback.__doc__.splitlines()[0] == module.__doc__.splitlines()[0]


def test_shared_options_are_the_same_in_train_and_compare():
    train, compare = (
        inspect.signature(command.callback).parameters
        for name in ("train", "compare")
        for command in app.registered_commands
        if command.name == name and command.callback
    )
    shared = train.keys() & compare.keys() - {"output"}
    assert len(shared) > 20
    for name in shared:
        assert train[name].default == compare[name].default, name


def test_version(palindra):
    assert palindra("--version").out == f"palindra {package.__version__}\n"


def test_without_a_command_the_help_is_shown(palindra):
    result = palindra()
    assert "Commands:" in result.out + result.err


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['palindra', 'train', '--help']\n"
        "from palindra.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'lightning', 'numpy', 'polars', 'sklearn', 'scipy', 'matplotlib', 'jinja2'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
