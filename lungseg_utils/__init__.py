"""The package behind the course: a notebook is a chapter, and these modules are its code.

An X-ray goes through them in order: a file becomes an `Xray`, a record, a square array, a batch;
the U-Net makes a probability of it, which becomes a mask at native size, scores and a picture.
The course itself is 3,150 lines; the folders use it, and it uses none of them but `phantom`.

        types.py           119  the words that every module uses, and the only way it writes a file
    00  start.py           252  which data, which size of run, which device
    01  images.py          239  the only reader, from a file or its bytes to an `Xray`
    01  grey.py            206  the only scaling, from the numbers that a file holds to an image
    01  dicom/             640  DICOM, the files that hospitals use, for `images`
    01  radiographs.py     231  from a folder to records: what is known about each radiograph
    01  readings.py        197  what is known of patients, from readings and a table
    01  splits.py          103  which records are for training, validation and testing
    02  masks.py           247  lung masks: read, merged, measured and checked
    02  squares.py         130  resizes to a square array and back; loads records as squares
    03  unet.py             96  the U-Net
    04  recipes.py          97  every setting of a training
    04  augmentation.py     80  random changes to images and masks, within what other X-rays show
    04  pipeline.py         46  from square arrays to training batches
    04  losses.py           57  what training minimizes
    04  training.py        244  a training that can be killed at any moment and resumed
    04  pretrained.py       69  the trained networks that come with the package
    05  metrics.py         217  how good a mask is, by overlap and by distance
    06  results.py         121  the table of scores, one row per image, with means and intervals
    07  museum/            519  silent bugs, each switched on by name, and what each one costs
    08  predict.py         224  from an X-ray to a mask, areas, the quality of the mask and warnings
    08  overlay.py          56  draws the result on the X-ray, and holds the course's colours
    09  cluster.py         119  work shared among many processes
        phantom/         1,907  simulated X-rays with exact lung masks
        teaching/        4,619  figures, interactive widgets and exercises
        app/             2,244  the networks without a notebook: the command `lungseg`
"""

__version__ = "0.1.0"
