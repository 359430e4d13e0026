"""The scores in outputs/results.json: in words, and as a page of pictures."""

SCORES = {"dice": "Dice", "iou": "IoU", "precision": "Precision", "recall": "Recall",
          "hd95_mm": "HD95 (mm)", "assd_mm": "ASSD (mm)", "nsd_2mm": "NSD at 2 mm"}


def headlines(results: dict) -> list[str]:
    """The scores in words, one line each; a score that could not be measured is left out."""
    lines = []
    for name, title in SCORES.items():
        score = results["scores"].get(name) or {}
        if score.get("mean") is not None:
            lines.append(f"{title} {score['mean']:.3f}")
            if score.get("low") is not None:
                lines[-1] += f" (95 % interval {score['low']:.3f} to {score['high']:.3f})"
    images, patients = results["test_images"], results["test_patients"]
    lines[:1] = [f"{first} on {images} test images of {patients} patients" for first in lines[:1]]
    return lines
