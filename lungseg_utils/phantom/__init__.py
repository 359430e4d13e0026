"""Simulated chest radiographs with exact lung masks."""

from .dataset import write_phantom_set
from .radiograph import Phantom, explain, simulate

__all__ = ["Phantom", "explain", "simulate", "write_phantom_set"]
