from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.metrics import Metric, read_metrics, write_metrics

quick = settings(max_examples=30, deadline=None)


@quick
@given(
    st.lists(
        st.builds(
            Metric,
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1),
            st.floats(allow_nan=False),
            st.integers(0, 2**62),
        )
    )
)
def test_metrics_read_back_exactly(tmp_path_factory, metrics):
    folder = tmp_path_factory.mktemp("metrics")
    write_metrics(folder, metrics)
    assert read_metrics(folder) == metrics


def test_numbers_of_numpy_are_numbers_too(tmp_path):
    numbers = [np.float64(0.1), np.float32(0.5), 7]
    write_metrics(tmp_path, [Metric("a", number) for number in numbers])
    assert [metric.value for metric in read_metrics(tmp_path)] == [0.1, 0.5, 7.0]
