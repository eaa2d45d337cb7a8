"""Bars on a terminal, and lines above them."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr

from numba import njit

from pipeline.core.progress import (
    LogHandler,
    close_bars,
    progress,
    report_compilation,
    working,
)


class TestSayingWhenCompiling:
    def test_says_so_once_however_much_there_is_to_compile(self, caplog):
        caplog.set_level(logging.INFO)
        with report_compilation():
            assert njit(lambda x: x + 1)(1) == 2
            assert njit(lambda x: x + 2)(1) == 3
        assert [r.message for r in caplog.records if r.name == "pipeline.core.progress"] == [
            "compiling the inner loops, once on this machine: some 15 seconds"
        ]

    def test_is_silent_where_all_is_compiled(self, caplog):
        caplog.set_level(logging.INFO)
        compiled = njit(lambda x: x + 1)
        compiled(1)
        with report_compilation():
            compiled(1)
        assert not [r for r in caplog.records if r.name == "pipeline.core.progress"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestOnATerminal:
    def test_a_bar_is_there_before_the_first_item_is_done(self):
        with redirect_stderr(Terminal()) as terminal:
            next(progress(range(3), "fitting the classifier", "strengths", 3))
        shown = terminal.getvalue()
        assert "fitting the classifier" in shown
        assert " 0/3 " in shown  # whole numbers, not 0.00/3.00

    def test_work_without_a_number_is_named(self):
        with redirect_stderr(Terminal()) as terminal, working("checking the texts"):
            assert terminal.getvalue().strip() == "checking the texts ..."

    def test_a_log_line_stands_above_the_bar(self):
        with redirect_stderr(Terminal()) as terminal:
            handler = LogHandler(terminal)
            for number in progress(range(2), "training", "words", 2):
                handler.emit(logging.makeLogRecord({"msg": f"line {number}"}))
        kept = [line.split("\r")[-1] for line in terminal.getvalue().split("\n")]
        assert kept[:2] == ["line 0", "line 1"]

    def test_bars_that_were_interrupted_are_removed(self):
        with redirect_stderr(Terminal()) as terminal:
            bars = progress(range(3), "training", "words", 3)
            next(bars)
            close_bars()
        assert "training" in terminal.getvalue()
        assert terminal.getvalue().split("\r")[-1].strip() == ""


def test_without_a_terminal_there_is_no_bar():
    with redirect_stderr(io.StringIO()) as file:
        assert list(progress(range(3), "training", "words", 3)) == [0, 1, 2]
    assert file.getvalue() == ""
