import numpy as np

RIGHT = {
    "dark_pixels": [
        lambda image, threshold: image < threshold,
        lambda image, threshold: np.logical_not(image >= threshold),
    ]
}
WRONG = {
    "dark_pixels": [
        (lambda image, threshold: image > threshold, "bright pixels"),
        (lambda image, threshold: image <= threshold, "exactly the threshold"),
        (lambda image, threshold: (image < threshold).astype(int), "bool"),
        (lambda image, threshold: image < 0.5, "0.2"),
        (lambda image, threshold: (image < threshold).mean(), "one answer a pixel"),
    ]
}
