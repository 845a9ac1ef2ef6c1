"""`rnnmusic`: one verb per file, one sentence per error, one meaning per exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn

import typer

import rnnmusic
from rnnmusic.errors import RnnMusicError
from rnnmusic_cli import (
    bench,
    corpus,
    demo,
    evaluate,
    filter,
    generate,
    inspect,
    live,
    live_bench,
    live_controls,
    live_ports,
    models,
    models_list,
    render,
    train,
)
from rnnmusic_cli.console import fail
from rnnmusic_cli.two_words import TwoWordGroup

app = typer.Typer(
    name="rnnmusic",
    cls=TwoWordGroup,
    help="Recurrent networks that learn music, play it live, and are filters.",
    epilog="Exit codes: 0 ok, 1 failure, 2 usage, 3 bad input, 4 no device, 130/143 after a stop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(corpus.app, name="corpus")
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("inspect")(inspect.inspect)
app.add_typer(filter.app, name="filter")
app.command("generate")(generate.generate)
app.command("render")(render.render)
app.command("models")(models.models)
app.command("models list")(models_list.list_flavours)
app.add_typer(bench.app, name="bench")
app.command("ports")(live_ports.ports)
app.command("live")(live.live)
app.command("live bench")(live_bench.bench)
app.command("live controls")(live_controls.controls)
app.command("panic")(live_ports.panic)

DEBUG = "RNNMUSIC_DEBUG"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rnnmusic {rnnmusic.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the stack trace of an error.", envvar=DEBUG)
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"  # also for the processes that distributed training starts


def main() -> NoReturn:
    """Run the program; the process ends with one of the documented exit codes."""
    # A SIGTERM would end Python without tidying up: half a store would stay beside its place.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app()
    except RnnMusicError as error:
        _trace()
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("Stopped.", 130)
    except BrokenPipeError:
        # The reader of our output has left (`| head`): there is nobody to say more to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _trace()
        fail(f"The system refused: {error}; check the place, its permissions and its space.", 1)
    except MemoryError:
        _trace()
        fail("The machine ran out of memory; use a smaller model, batch or file.", 1)
    except Exception as error:
        _trace()
        fail(
            f"This is a defect of rnnmusic: {type(error).__name__}: {error}. "
            "Please report it with the output of `rnnmusic --debug ...`.",
            1,
        )
    raise SystemExit(0)


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _trace() -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()


if __name__ == "__main__":
    main()
