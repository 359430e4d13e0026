"""Simulated X-rays with exact lung masks.

A patient is drawn from ranges of published anatomy and of the real masks (ranges.csv, `person`),
outlined in mm (`organs`) and bent as no one else is (`canvas.Bend`), filled with tissue, bone and
vessels whose path length along the ray times attenuation makes one layer each (`tissue`,
`skeleton`, `vessels`, `disease`, `objects`), then exposed: Beer-Lambert at two energies, scatter,
blur, photons, film or digital processing (`physics`), cropped and labelled (`acquisition`). The
lung's layer is above 0 exactly where the mask is True.

MODEL_CARD.md says what still gives them away, and benchmarks/transfer.py what they are worth.
"""

from .dataset import write_phantom_set
from .radiograph import Phantom, explain, simulate
from .ranges import RARE
