"""The package behind the course: a notebook is a chapter, and these modules are its code.

An X-ray goes through them in order: a file becomes an `Xray`, a record, a square array, a batch;
the U-Net makes a probability of it, which becomes a mask at native size, scores and a picture.
The course itself is 2,956 lines; the folders use it, and it uses none of them but `phantom`.

        types.py           120  the words that every module uses, and the only way it writes a file
    00  start.py           235  which data, which size of run, which device
    01  images.py          239  the only reader, from a file or its bytes to an `Xray`
    01  grey.py            206  the only scaling, from the numbers that a file holds to an image
    01  dicom/             640  DICOM, the files that hospitals use, for `images`
    01  radiographs.py     231  from a folder to records: what is known about each radiograph
    01  readings.py        197  what is known of patients, from readings and a table
    01  splits.py          103  which records are for training, validation and testing
    02  masks.py           246  lung masks: read, merged, measured and checked
    02  squares.py          93  resizes to a square array and back; loads records as squares
    03  unet.py             51  the U-Net
    04  recipes.py         109  every setting of a training
    04  augmentation.py     89  random changes to images and masks, within what other X-rays show
    04  pipeline.py         47  from square arrays to training batches
    04  losses.py           57  what training minimizes
    04  training.py        214  a training that can be killed at any moment and resumed
    04  pretrained.py       79  the trained networks that come with the package
    05  metrics.py         205  how good a mask is, by overlap and by distance
    06  results.py         121  the table of scores, one row per image, with means and intervals
    07  museum/            518  silent bugs, each switched on by name, and what each one costs
    08  predict.py         259  from an X-ray to a mask, areas, a confidence and warnings
    08  overlay.py          55  draws the result on the X-ray, and holds the course's colours
        phantom/         1,921  simulated X-rays with exact lung masks
        teaching/        3,288  figures, interactive widgets and exercises
        app/             2,135  the networks without a notebook: the command `lungseg` and a page
"""

import importlib.util
import sys

__version__ = "0.1.0"

COURSE = (
    "augmentation", "losses", "museum", "pipeline", "recipes", "teaching", "training", "unet",
)  # fmt: skip


class NamesTheExtra:
    """Says what to install, where a module of the course is imported and its packages are not
    there: `pip install .` brings what the command needs, and no TensorFlow.
    """

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> None:
        """Called by Python before its own finders. Raises: ModuleNotFoundError."""
        whole, _, part = name.partition(".")
        if whole == __name__ and part in COURSE and not importlib.util.find_spec("keras"):
            said = f'{name} needs Keras: pip install "lungseg-utils[course]"'
            raise ModuleNotFoundError(said, name="keras")


sys.meta_path.insert(0, NamesTheExtra)
