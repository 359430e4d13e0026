"""The course's U-Net in PyTorch, to time the two libraries side by side.

    python benchmarks/pytorch_unet.py SIZE FILTERS DEPTH BATCH PRECISION [plain]

prints the seconds of one training step; `plain` leaves BatchNorm out. A program of its own:
TensorFlow and PyTorch in one process may end in a crash.
"""

import sys
import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

BITS = {"mixed_bfloat16": torch.bfloat16, "mixed_float16": torch.float16}
STEPS = 20  # timed, after one that is not


class Block(nn.Sequential):
    """Twice a 3x3 convolution, BatchNorm and ReLU."""

    def __init__(self, inputs: int, filters: int, normalised: bool):
        parts = []
        for channels in (inputs, filters):
            parts.append(nn.Conv2d(channels, filters, 3, padding=1))
            parts += [nn.BatchNorm2d(filters)] if normalised else []
            parts.append(nn.ReLU())
        super().__init__(*parts)


class UNet(nn.Module):
    """The network of `lungseg_utils.unet.build_unet`, with logits for its output."""

    def __init__(self, filters: int, depth: int, normalised: bool):
        super().__init__()
        widths = [filters * 2**level for level in range(depth + 1)]
        block = partial(Block, normalised=normalised)
        self.down = nn.ModuleList(map(block, [1, *widths], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, 2) for width in widths[:-1])
        self.merge = nn.ModuleList(block(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(filters, 1, 1)

    def forward(self, x):
        skips = []
        for block in self.down[:-1]:
            skips.append(block(x))
            x = functional.max_pool2d(skips[-1], 2)
        x = self.down[-1](x)
        for up, merge, skip in reversed(list(zip(self.up, self.merge, skips, strict=True))):
            x = merge(torch.cat([up(x), skip], 1))
        return self.head(x)


def step_seconds(
    size: int, filters: int, depth: int, batch: int, precision: str, normalised: bool
) -> float:
    """The median of one training step on random images, channels last, as PyTorch likes it best."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_device(device)
    shape = batch, 1, size, size
    images = torch.rand(shape).to(memory_format=torch.channels_last)
    masks = (torch.rand(shape) > 0.5).float()
    model = UNet(filters, depth, normalised).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters())
    seconds = []
    for _ in range(1 + STEPS):
        began = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast(device, BITS.get(precision), enabled=precision != "float32"):
            logits = model(images)
        logits = logits.float()
        probability = torch.sigmoid(logits)
        shared = (probability * masks).sum((1, 2, 3))
        total = (probability + masks).sum((1, 2, 3))
        dice = (2 * shared + 1) / (total + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[1:]))


if __name__ == "__main__":
    print(step_seconds(*map(int, sys.argv[1:5]), sys.argv[5], "plain" not in sys.argv))
