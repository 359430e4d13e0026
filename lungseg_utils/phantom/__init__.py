"""Simulated chest radiographs with exact lung masks: the course's data when there is no network.

A patient is drawn from ranges of published anatomy and of the real masks (`ranges`, `person`),
outlined in mm (`organs`) and bent as no one else is (`canvas.Bend`), filled with tissue, bone and
vessels whose path length along the ray times attenuation makes one layer each (`tissue`,
`skeleton`, `vessels`, `disease`, `objects`), then exposed: Beer-Lambert at two energies, scatter,
blur, photons, film or digital processing (`physics`), cropped and labelled (`acquisition`). The
lung's layer is above 0 exactly where the mask is True.

A network that saw only these segments real ones: benchmarks/transfer.py measures how well, and
benchmarks/transfer_trials.py what each part of the simulation is worth.

What still gives them away, beside real ones:
- the ribs' turning points make a scalloped edge where real ones run on along the chest wall, and
  ribs cross the heart in even stripes
- the collar bones are smooth bars without a joint at either end, the shoulders have no sockets
- neck, armpit and flank are smooth: no muscle edges, skin folds, hair, nipples, or breasts seen in
  profile beside the chest
- vessels fan out from the hila like the spokes of a wheel; no fissures, no bronchi seen end on
- heart and aorta are one outline each; the spine's edges are straight, its discs too regular
- liver and spleen are one grey, and gas lies in ellipses
- infiltrates are evenly speckled clouds; fluid and collapse shift neither heart nor diaphragm
- every patient stands or sits facing the film, arms down: no lying and no lateral views, and a
  picture never shows two things wrong with the film at once
"""

from .dataset import write_phantom_set
from .radiograph import Phantom, explain, simulate

__all__ = ["Phantom", "explain", "simulate", "write_phantom_set"]
