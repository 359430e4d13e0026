"""Pictures with controls: each scene is a figure, its alt text and its caption for one state.

`plots.show(*scene)` shows one; the classes of `widgets` draw them again as their controls move.
"""

from lungseg_utils.teaching.scenes.frame import Scene
from lungseg_utils.teaching.scenes.judging import (
    THRESHOLDS,
    Case,
    Lung,
    confusion,
    dice_by_threshold,
    drawn_by_hand,
    failure,
    lung_mask,
    thresholded,
    worst_first,
)
from lungseg_utils.teaching.scenes.learning import (
    augmented,
    augmented_copies,
    loss_values,
    losses,
    moved_lungs,
    receptive_field,
    receptive_span,
)
from lungseg_utils.teaching.scenes.reading import EVERY_AGE, browse, layered, matching, overlay
from lungseg_utils.teaching.scenes.scaling import Turn, shard_turns, shards, throughput
