"""What the laws are tried on: Hypothesis draws the cases, the same in every run."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

every_case = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
a_shape = st.tuples(st.integers(1, 12), st.integers(1, 12))
a_spacing = st.tuples(st.floats(0.05, 5), st.floats(0.05, 5))


@st.composite
def some_masks(draw, count=2):
    """Masks of one small shape; all black and all white among them."""
    shape = draw(a_shape)
    whole = st.sampled_from([np.zeros(shape, bool), np.ones(shape, bool)])
    return [draw(st.one_of(arrays(bool, shape), whole)) for _ in range(count)]


def some_squares(size=16):
    """An image or a probability, float32 (size, size) in [0, 1]."""
    return arrays(np.float32, (size, size), elements=st.floats(0, 1, width=32))
