"""Exercises of notebook 08."""

from itertools import product

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    exercise,
    expect,
    read_array,
    read_letter,
    read_mask,
    read_number,
)


@exercise(
    objective="read an X-ray of your own from a file, and turn its mask into areas in cm²",
    expects="a function of the stored numbers, their bits and whether they are inverted, that "
    "returns an image of floats from 0 to 1",
    hint="The largest number of 8 bits is 255, one less than 2 to the power of 8. Divide first, "
    "then swap light and dark if you have to: 1 minus the image.",
    answer="""
    def readable(stored, bits, inverted):
        image = stored.astype(np.float32) / (2**bits - 1)
        return 1 - image if inverted else image
    """,
)
def readable(answer):
    cases = [(np.uint8, 8), (np.uint16, 10), (np.uint16, 12), (np.uint16, 16)]
    for inverted, (kind, bits) in product((False, True), cases):
        stored = np.array([[2**bits - 1, 2 ** (bits - 1), 7], [3, 200, 2**bits // 3]], kind)
        stored[0, 0] -= bits  # an X-ray need not be white anywhere
        said = f"{bits} bits, inverted is {inverted}: "
        found = read_array(answer(stored, bits, inverted), stored.shape, "one number a pixel", said)
        expect(found.dtype.kind == "f", f"{said}fractions need floats, not {found.dtype}")
        held = np.iinfo(kind).max
        right, by_file, by_kind = (
            1 - stored / whole if inverted else stored / whole
            for whole in (2**bits - 1, stored.max(), held)
        )
        expect(not np.allclose(found, 1 - right, atol=1e-4), f"{said}light and dark are swapped")
        highest = "you divide by the largest number in this file, so a bright marker would darken "
        highest += "the lungs: divide by the largest number that fits in the bits"
        expect(not np.allclose(found, by_file, atol=1e-6), said + highest)
        wide = f"{kind.__name__} can hold {held}, but this file uses only {bits} bits of it"
        expect(bits in (8, 16) or not np.allclose(found, by_kind, atol=1e-6), said + wide)
        span = f"your image goes from {found.min():.3g} to {found.max():.3g}, not within 0 to 1"
        expect(found.min() >= 0 and found.max() <= 1, said + span)
        values = f"the first pixel is {found[0, 0]:.6f} and should be {right[0, 0]:.6f}; the "
        values += "largest number is 2 to the power of the bits, less 1"
        expect(np.allclose(found, right, atol=1e-6), said + values)


@exercise(
    objective="read an X-ray of your own from a file, and turn its mask into areas in cm²",
    expects="a function of a mask, the shape of the file and the spacing of its pixels, that "
    "returns one number, the area in cm²",
    hint="The mask covers the same chest, so its rows together are as long as the file's rows: "
    "rows of the file times their spacing. Divide by the rows of the mask. Columns likewise.",
    answer="""
    def area_cm2(mask, file_shape, file_spacing_mm):
        tall, wide = np.array(file_shape) * file_spacing_mm / mask.shape
        return mask.sum() * tall * wide / 100
    """,
)
def area_cm2(answer):
    for shape, spacing, size in (
        ((4892, 4020), (0.0875, 0.0875), 64),
        ((2000, 1000), (0.2, 0.3), 50),
        ((600, 900), (0.7, 0.5), 96),
    ):
        mask = np.zeros((size, size), bool)
        mask[5:40, 8:30] = True
        found, count = read_number(answer(mask, shape, spacing), "the area in cm²"), mask.sum()
        row, column = (side * step / size for side, step in zip(shape, spacing, strict=True))
        right = count * row * column / 100
        faults = {
            "that is the number of pixels": count,
            "1 cm² is 100 mm²: divide by 100": right * 100,
            "1 cm² is 100 mm², not 10: an area has two sides": right * 10,
            "you used the file's pixels, but the mask has fewer and larger ones": count
            * np.prod(spacing)
            / 100,
            "that is the whole picture, not the mask": size**2 * row * column / 100,
            "a pixel of the square mask is not square: use the columns too": count * row**2 / 100,
            "a pixel of the square mask is not square: use the rows too": count * column**2 / 100,
            "that takes a pixel of the file for 1 mm²: use the spacing": right / np.prod(spacing),
        }
        for fault, value in faults.items():
            expect(not np.isclose(found, value, rtol=1e-4), f"{fault} ({found:.2f})")
        expect(np.isclose(found, right, rtol=1e-3),
               f"a mask of {count} pixels in a file of {shape} with {spacing} mm measures "
               f"{right:.6g} cm², and your answer is {found:.6g}")  # fmt: skip


@exercise(
    objective="undo a change of the picture on the answer, and average answers before you cut",
    expects="a function of ask, itself a function from an image to a probability map, and an "
    "image, that returns a probability map of the image's shape",
    hint="np.rot90(array, 1) turns by a quarter, np.rot90(array, -1) turns back.",
    answer="""
    def second_look(ask, image):
        turned = np.rot90(image)
        return np.rot90(ask(turned), -1)
    """,
)
def second_look(answer):
    rng = np.random.default_rng(3)
    for shape in ((4, 4), (3, 5)):
        image, shown = rng.random(shape).astype(np.float32), []

        def ask(seen, shown=shown):
            seen = np.array(seen)
            shown.append(seen)
            return seen * np.linspace(0.1, 1, seen.size).reshape(seen.shape)  # place matters

        found = np.asarray(answer(ask, image))
        expect(shown, "the network was never asked: call ask")
        upright = any(np.array_equal(seen, image) for seen in shown)
        ways = [turns for turns in (1, -1)
                if any(np.array_equal(seen, np.rot90(image, turns)) for seen in shown)]  # fmt: skip
        expect(ways or not upright, "the network saw the picture as it is: turn it first")
        expect(ways, "show the network the picture turned by a quarter, np.rot90")
        for turns in ways:
            said = ask(np.rot90(image, turns))
            expect(not np.array_equal(found, said), "the answer is still turned: turn it back")
            onward = "you turned on instead of back: the answer has to turn the other way"
            expect(not np.array_equal(found, np.rot90(said, turns)), onward)
        expect(found.shape == shape, f"the answer has the shape {found.shape}, the image {shape}")
        backs = [np.rot90(ask(np.rot90(image, turns)), -turns) for turns in ways]
        mixed = any(np.allclose(found, (back + ask(image)) / 2) for back in backs)
        expect(not mixed, "return the second answer alone; averaging comes in the next exercise")
        right = any(np.allclose(found, back) for back in backs)
        expect(right, "the answer does not lie over the image: undo exactly the turn you made")


@exercise(
    objective="undo a change of the picture on the answer, and average answers before you cut",
    expects="a function of probabilities (answers, height, width), that returns one bool mask",
    hint="Take the mean over the first axis, so that a sure answer counts more than a hesitant "
    "one. Then apply the threshold 0.5, once.",
    answer="""
    def joint_mask(probabilities):
        return probabilities.mean(axis=0) > 0.5
    """,
)
def joint_mask(answer):
    hesitant = np.float32([[0.95, 0.3, 0.9, 0.1, 0.3], [0.45, 0.2, 0.8, 0.55, 0.3],
                           [0.4, 0.6, 0.7, 0.6, 0.3]])[:, None]  # fmt: skip
    rng = np.random.default_rng(1)
    for probabilities in (hesitant, *(rng.random((n, 6, 5)).astype(np.float32) for n in (4, 7))):
        found = read_mask(answer(probabilities), probabilities.shape[1:], "one mask for all: ")
        cut = probabilities > 0.5
        faults = {
            "you cut each answer and let them vote: one that is sure then counts no more than one "
            "that hesitates": cut.mean(axis=0) > 0.5,
            "you take what any answer calls lung": cut.any(axis=0),
            "you take only what all answers call lung": cut.all(axis=0),
            "you cut the sum, which grows with the number of answers": probabilities.sum(0) > 0.5,
            "that is the first answer's mask alone": cut[0],
            "that is the last answer's mask alone": cut[-1],
            "True and False have changed places": probabilities.mean(axis=0) <= 0.5,
        }
        right = probabilities.mean(axis=0) > 0.5
        for fault, mask in faults.items():
            expect(np.array_equal(mask, right) or not np.array_equal(found, mask), fault)
        expect(np.array_equal(found, right), "lung is where the mean of all answers is above 0.5")


@exercise(
    objective="say how sure an answer is, and draw the risk-coverage curve that tests it",
    expects="a function of confidences, Dice scores and a coverage, that returns one number, the "
    "risk",
    hint="np.argsort sorts from the smallest to the largest; [::-1] reverses that. Keep the first "
    "round(coverage * n) of them.",
    answer="""
    def risk(confidence, dice, coverage):
        surest = np.argsort(confidence)[::-1]
        kept = surest[:round(coverage * len(surest))]
        return 1 - np.mean(dice[kept])
    """,
)
def risk(answer):
    rng = np.random.default_rng(5)
    for count, coverage in ((10, 0.4), (20, 0.8), (12, 1.0), (40, 0.25)):
        dice = rng.uniform(0.3, 0.99, count)
        confidence = 1 / (1 + np.exp(-6 * (dice - 0.5 + rng.normal(0, 0.2, count))))  # no ties
        found = read_number(answer(confidence, dice, coverage), "one number, the risk", share=True)
        keep, best = round(coverage * count), np.argsort(confidence)[::-1]
        right = 1 - dice[best[:keep]].mean()
        said = f"{keep} of {count} kept: {found:.4f}"
        faults = {
            "those are the images that the network is least sure of": best[::-1][:keep],
            "you kept the images of the highest Dice, which nobody knows without a reference: "
            "sort by confidence": np.argsort(dice)[::-1][:keep],
            "that is the risk of all images, kept or not": best,
            "you kept the first images, in whatever order they came": np.arange(keep),
            "you kept the share that should go back to a person": best[: count - keep or None],
            "that is the risk of the images sent back": best[keep:],
        }
        for fault, kept in faults.items():
            same = keep == count or np.isclose(1 - dice[kept].mean(), right)
            expect(same or not np.isclose(found, 1 - dice[kept].mean()), f"{said}; {fault}")
        expect(not np.isclose(found, 1 - right), f"{said}; that is Dice, and risk is 1 minus it")
        claimed = 1 - confidence[best[:keep]].mean()
        expect(not np.isclose(found, claimed), f"{said}; that is computed from the confidence: "
               "take the Dice of the images kept")  # fmt: skip
        expect(np.isclose(found, right), f"{said}; 1 minus their mean Dice is {right:.4f}")


@exercise(
    objective="export a network, and prove that the copy says the same",
    expects="a function of two networks, themselves functions of an image, and a list of images, "
    "that returns one number, the largest difference",
    hint="np.abs before max, and then the largest over all images.",
    answer="""
    def largest_difference(one, other, images):
        return max(np.abs(one(image) - other(image)).max() for image in images)
    """,
)
def largest_difference(answer):
    rng = np.random.default_rng(2)
    for count, place, bend in ((4, 2, -0.03), (4, 1, 0.4), (3, 0, 0.02), (5, 4, -0.05)):
        images = [number + rng.random((4, 3)) for number in range(count)]

        def one(image):
            expect(np.shape(image) == (4, 3), "give the networks one image at a time")
            return image / 2

        def other(image, bent=images[place], pixel=(place % 4, count % 3), bend=bend):
            said = one(image) - 1e-3 * np.ceil(image) * (1.1 - np.cos(20 * image))
            if np.array_equal(image, bent):
                said[pixel] += bend
            return said

        found = read_number(answer(one, other, images), "one number, the largest difference")
        gaps = np.stack([other(image) - one(image) for image in images])
        right = np.abs(gaps).max()
        tops = [abs(other(image).max() - one(image).max()) for image in images]
        averaged = "you averaged over the images: take the largest"
        signed = "a difference below zero is a difference too: take np.abs"
        faults = [
            (np.abs(gaps).mean(), "that is the mean difference, which hides one wrong pixel"),
            *((gaps.max(), signed), (-gaps.min(), signed)),
            (np.abs(gaps[0]).max(), "that is the first image only"),
            (np.abs(gaps[-1]).max(), "that is the last image only"),
            (np.abs(gaps).min(), "that is the smallest difference"),
            (np.abs(gaps).sum(), "that is the sum of the differences"),
            (np.abs(gaps.mean(axis=0)).max(), averaged),
            (np.abs(gaps).max(axis=(1, 2)).mean(), averaged),
            (max(tops), "subtract pixel by pixel first, then take the largest"),
        ]
        for value, fault in faults:
            expect(np.isclose(value, right) or not np.isclose(found, value), fault)
        words = f"the largest difference is {right:.4f}, not {found:.4f}"
        expect(np.isclose(found, right), words)


CLAIMS = {
    "a": "an area of shadow is not a volume: nobody measured the depth of the chest",
    "b": "breath, posture and the distance to the detector change the area as well, and so does a "
    "mistake of the network: two areas from two days show no disease",
    "c": "confidence says how far the networks agree on an outline; it knows nothing of health",
    "e": "two hospitals are two sources: the next scanner, ward or country may be different",
}


@exercise(
    objective="tell which claims a mask, its area and its score support",
    expects="one letter from a to e, such as 'a'",
    hint="Which sentence says what was measured, and on whom, and claims no more?",
    answer="""
    answer = "d"
    """,
)
def claim(answer):
    letter = read_letter(answer, "abcde")
    expect(letter == "d", f"not {letter}: {CLAIMS.get(letter)}")
