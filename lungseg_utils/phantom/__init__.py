"""Simulated chest radiographs with exact lung masks: the course's data when there is no network.

A patient is drawn from ranges of published anatomy and of the real masks (`ranges`, `person`),
outlined in mm (`organs`), filled with tissue, bone and vessels whose path length along the ray
times attenuation makes one layer each (`tissue`, `skeleton`, `vessels`, `disease`, `objects`),
then exposed: Beer-Lambert at two energies, scatter, blur, photons, film (`physics`), cropped and
labelled (`acquisition`). The lung's layer is above 0 exactly where the mask is True.

What still gives them away, beside real ones:
- the ribs' turning points make a scalloped edge where real ones run on along the chest wall, and
  each rib has the same shape, only larger or smaller
- neck, armpit and flank are smooth: no muscle, skin fold, hair, nipple, or breast seen in profile
- hila are tubes that fan out; no fissures, no bronchi seen end on, no lymph nodes
- the heart and aorta are one outline each; the spine and the descending aorta have blunt edges
- the diaphragm is a single clean curve, and the liver and spleen below it are one grey
- tuberculosis is clouds, rings, spots, strands and fluid that shift nothing, and its clouds are
  too evenly speckled
- every patient faces the film: no lordotic or lying views, hardly a scoliosis
- the bottom border, the label box and the small print are tidier than a film archive's
"""

from .dataset import write_phantom_set
from .radiograph import Phantom, explain, simulate

__all__ = ["Phantom", "explain", "simulate", "write_phantom_set"]
