"""The package behind the course: a notebook is a chapter, and these modules are its code.

An X-ray goes through them in order: a file becomes an `Xray`, a record, a square array, a batch;
the U-Net makes a probability of it, which becomes a mask at native size, scores and a picture.
The course itself is 2,409 lines; the folders lean on it, never the other way.

        types.py            82  the words that every module uses, and the one way to write a file
    00  start.py           195  which data, which size of run, which device
    01  images.py          204  the one reader, from a file or its bytes to an `Xray`
    01  dicom.py           110  hospitals' own files, for `images`
    01  radiographs.py     215  from a folder to records, all that is known of each radiograph
    01  splits.py          101  which records to train on, to choose with, and to measure once
    02  masks.py           147  lung masks: read, merged, measured, and doubted
    02  squares.py          83  to a square array and back, and records as squares, decoded once
    03  unet.py             51  the U-Net
    04  recipes.py         109  all that decides a training besides the data
    04  augmentation.py     89  copies of images and masks, as other acquisitions might be
    04  pipeline.py         47  from square arrays to batches, as a training wants them
    04  losses.py           57  what training makes small
    04  training.py        222  a training that can be killed at any moment and resumed
    04  pretrained.py       96  networks that come with the package, trained before
    05  metrics.py         205  how good is a mask?
    06  results.py         107  the table of scores, one row an image, and what may be said of it
    07  museum/            511  silent bugs, each switched on by its name, and the price of each
    08  predict.py         234  from an X-ray to a mask, areas, a confidence and warnings
    08  overlay.py          55  the picture of what was found, and the course's colours
        phantom/         1,916  simulated X-rays with exact lung masks
        teaching/        3,265  figures, pictures that can be moved, and exercises
        app/             1,522  the networks without a notebook: the command `lungseg` and a page
"""

__version__ = "0.1.0"
