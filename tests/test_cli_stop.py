"""Ctrl-C and SIGTERM end a run in order, and the command that continues it is printed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest
from front import SIZES
from hypothesis import given
from hypothesis import strategies as st

from pipeline import __main__ as entry
from pipeline.cli.stop import exit_code, how_to_continue, stoppable


@pytest.fixture(autouse=True)
def handlers():
    """A shell starts background jobs deaf to Ctrl-C."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


class TestTheCommandThatContinues:
    @given(st.lists(st.text(st.characters(exclude_characters="\r\n"), min_size=1)))
    def test_of_a_run_is_the_one_that_was_typed(self, words):
        first, command = how_to_continue(words, None).split("\n")
        assert first == "stopped; the same command continues:"
        assert shlex.split(command) == ["yourvectors", *words]

    @pytest.mark.parametrize("given", [[], ["hydra.sweep.dir=F"]], ids=["new", "given"])
    def test_of_a_multirun_names_its_folder_once(self, given):
        said = how_to_continue(["-m", "seed=1,2", *given], Path("F"))
        assert said.splitlines() == [
            "stopped; the same command with hydra.sweep.dir=F continues:",
            "yourvectors -m seed=1,2 hydra.sweep.dir=F",
        ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
class TestASignal:
    def test_gives_the_exit_code_that_shells_expect(self, number, code):
        with pytest.raises(KeyboardInterrupt) as stop, stoppable():
            signal.raise_signal(number)
        assert exit_code(stop.value) == code

    def test_in_a_destructor_is_not_lost(self, number, code, capsys):
        class Destroyed:
            def __del__(self):
                signal.raise_signal(number)

        def destroy():
            Destroyed()
            time.sleep(10)

        with pytest.raises(KeyboardInterrupt) as stop, stoppable():
            destroy()
        assert exit_code(stop.value) == code
        assert capsys.readouterr().err == ""


def test_before_a_run_has_begun_there_is_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr(entry, "_run", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert end.value.code == 130
    assert capsys.readouterr().err.strip() == "stopped"


def screen(folder, words, interrupt_at=None):
    """Run in a terminal; return the lines that stay on it and the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "pipeline", *words])  # noqa: S606
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown = ""
    while True:
        try:
            shown += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # it has ended
            break
        if interrupt_at and re.search(interrupt_at, shown):
            os.write(terminal, b"\x03")
            interrupt_at = None
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    lines = [re.split(r"\r|\x1b\[K", line.rstrip("\r"))[-1] for line in shown.split("\n")]
    return [line for line in lines if line.strip() not in {"", "\x1b[0m"}], code


@pytest.mark.slow
def test_on_a_terminal_the_printed_command_goes_on(tmp_path):
    words = [*SIZES, "vectors.epochs=4000", "tracking=off", "report.words=[]"]
    lines, code = screen(tmp_path, words, r"training skip-gram: +[1-9]\d?%")
    assert code == 130
    assert not [line for line in lines if "Traceback" in line or "^C" in line]
    assert lines[-3].startswith("training stopped; the same command continues from here")
    assert lines[-2] == "stopped; the same command continues:"
    program, *again = shlex.split(lines[-1])
    assert (program, again) == ("yourvectors", words)
    lines, code = screen(tmp_path, again)
    assert code == 0
    assert any(line.startswith("continuing where training stopped") for line in lines)
