"""Simulated X-rays with exact lung masks.

A patient is drawn from ranges of published anatomy and of the real masks (`ranges`, `person`),
outlined in mm (`organs`) and bent as no one else is (`canvas.Bend`), filled with tissue, bone and
vessels whose path length along the ray times attenuation makes one layer each (`tissue`,
`skeleton`, `vessels`, `disease`, `objects`), then exposed: Beer-Lambert at two energies, scatter,
blur, photons, film or digital processing (`physics`), cropped and labelled (`acquisition`). The
lung's layer is above 0 exactly where the mask is True.

A network that saw only these segments real ones: benchmarks/transfer.py measures how well, and
benchmarks/transfer_trials.py what each part of the simulation is worth.
MODEL_CARD.md lists what still gives them away.
"""

from .dataset import write_phantom_set
from .radiograph import Phantom, explain, simulate
