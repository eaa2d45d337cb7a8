from __future__ import annotations

import logging

from numba import njit

from pipeline.core.progress import report_compilation


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
