"""Exercises of notebook 08."""

from itertools import product

import numpy as np

from lungseg_utils.teaching.exercises.core import exercise, expect


@exercise(
    objective="read an X-ray of your own from a file, and turn its mask into areas in cm²",
    expects="a function of the stored numbers, their bits and whether they are inverted",
    hint="The largest number of 8 bits is 255, one less than 2 to the power of 8. Divide first, "
    "then turn light into dark: 1 minus the image.",
    answer="""
    def readable(stored, bits, inverted):
        image = stored.astype(np.float32) / (2**bits - 1)
        return 1 - image if inverted else image
    """,
)
def readable(answer):
    cases = [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)]
    for inverted, (kind, bits) in product((False, True), cases):
        stored = np.array([[2**bits - 1, 2 ** (bits - 1), 7], [3, 200, 2**bits // 3]], kind)
        stored[0, 0] -= bits  # a film need not be white anywhere
        image = stored / (2**bits - 1)
        right = 1 - image if inverted else image
        found = np.asarray(answer(stored, bits, inverted))
        said = f"{bits} bits, inverted is {inverted}:"
        expect(found.shape == stored.shape, f"{said} one number a pixel, not {found.shape}")
        expect(found.dtype.kind == "f", f"{said} fractions need floats, not {found.dtype}")
        span = f"{found.min():.3g} to {found.max():.3g}"
        expect(found.min() >= 0 and found.max() <= 1, f"{said} {span} is not within 0 and 1")
        swapped = np.allclose(found, 1 - right, atol=1e-4)
        expect(not swapped, f"{said} light and dark are swapped")
        highest = stored / stored.max()
        by_highest = np.allclose(found, 1 - highest if inverted else highest, atol=1e-6)
        expect(
            not by_highest,
            f"{said} you divide by the largest number of this very file, so that one bright marker "
            "darkens the lungs: divide by the largest that fits",
        )
        expect(
            np.allclose(found, right, atol=1e-6),
            f"{said} the first pixel is {found[0, 0]:.5f} and should be {right[0, 0]:.5f}; the "
            "largest number is 2 to the power of the bits, less one",
        )


@exercise(
    objective="read an X-ray of your own from a file, and turn its mask into areas in cm²",
    expects="a function of a mask, the shape of the file and the spacing of its pixels",
    hint="Stretching keeps the chest's height in mm. So a row of the mask measures the rows of the "
    "file times their spacing, over the rows of the mask; columns have their own.",
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
    ):
        mask = np.zeros((size, size), bool)
        mask[5:40, 8:30] = True
        found, count = float(answer(mask, shape, spacing)), mask.sum()
        row, column = (side * step / size for side, step in zip(shape, spacing, strict=True))
        right = count * row * column / 100
        faults = {
            "that is the number of pixels": count,
            "1 cm2 is 100 mm2: divide by 100": right * 100,
            "1 cm2 is 100 mm2, not 10: area grows with the square": right * 10,
            "you measured with the file's pixels, but the mask has fewer and larger ones": count
            * spacing[0]
            * spacing[1]
            / 100,
            "a pixel of the square is not square: a row and a column have a length each": count
            * row**2
            / 100,
            "a pixel of the square is not square: use the row's length too": count
            * column**2
            / 100,
        }
        for fault, value in faults.items():
            expect(not np.isclose(found, value, rtol=1e-4), f"{fault} ({found:.2f})")
        expect(np.isclose(found, right, rtol=1e-4),
               f"a mask of {count} pixels in a file of {shape} with {spacing} mm measures "
               f"{right:.1f} cm2, and you say {found:.1f}")  # fmt: skip


@exercise(
    objective="undo a change of the picture on the answer, and average answers before you cut",
    expects="a function of ask, itself a function from an image to a probability, and an image",
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
        turned = np.rot90(image)
        asked = any(np.array_equal(seen, turned) or np.array_equal(seen, turned[::-1, ::-1])
                    for seen in shown)  # fmt: skip
        expect(asked or not upright, "the network saw the picture as it is: turn it first")
        expect(asked, "the network is to see the picture turned by a quarter")
        say = ask(turned)
        expect(not np.array_equal(found, say), "the answer is still turned: turn it back")
        expect(not np.array_equal(found, np.rot90(say)),
               "you turned on instead of back: the answer turns the other way")  # fmt: skip
        expect(found.shape == shape, f"the answer has the shape {found.shape}, the image {shape}")
        clockwise = np.rot90(ask(np.rot90(image, -1)))
        right = any(np.allclose(found, one) for one in (np.rot90(say, -1), clockwise))
        expect(right, "the answer does not lie over the image: undo the very turn you made")


@exercise(
    objective="undo a change of the picture on the answer, and average answers before you cut",
    expects="a function of probabilities (answers, height, width)",
    hint="The mean over the first axis keeps what each answer knows; cut that, once, at 0.5.",
    answer="""
    def joint_mask(probabilities):
        return probabilities.mean(axis=0) > 0.5
    """,
)
def joint_mask(answer):
    hesitant = np.array(
        [[[0.95, 0.3, 0.9, 0.1]], [[0.45, 0.2, 0.8, 0.55]], [[0.4, 0.6, 0.7, 0.6]]], np.float32
    )
    rng = np.random.default_rng(1)
    for probabilities in (hesitant, rng.random((4, 6, 5)).astype(np.float32)):
        found = np.asarray(answer(probabilities))
        shape = probabilities.shape[1:]
        expect(found.shape == shape, f"one mask for all, {shape}, and yours is {found.shape}")
        expect(found.dtype == bool, f"a mask is bool, and yours is {found.dtype}: cut the mean")
        cut = probabilities > 0.5
        faults = {
            "you cut each answer and let them vote: one who is sure then counts no more than two "
            "who hesitate": cut.mean(axis=0) > 0.5,
            "you take what any answer calls lung": cut.any(axis=0),
            "you take only what all answers call lung": cut.all(axis=0),
            "you cut the sum, which grows with the number of answers": probabilities.sum(0) > 0.5,
            "that is the first answer's mask alone": cut[0],
        }
        right = probabilities.mean(axis=0) > 0.5
        for fault, mask in faults.items():
            expect(np.array_equal(mask, right) or not np.array_equal(found, mask), fault)
        expect(np.array_equal(found, right), "lung is where the mean of all answers is above 0.5")


@exercise(
    objective="say how sure an answer is, and draw the risk-coverage curve that tests it",
    expects="a function of confidences, Dice scores and a coverage",
    hint="np.argsort sorts from the smallest; [::-1] turns that round. Keep the first "
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
        dice = rng.uniform(0.3, 1, count)
        confidence = np.clip(dice + rng.normal(0, 0.2, count), 0, 1)
        found = float(answer(confidence, dice, coverage))
        keep = round(coverage * count)
        order = np.argsort(confidence)
        right = 1 - dice[order[::-1][:keep]].mean()
        said = f"{keep} of {count} kept: {found:.4f}"
        if keep < count:
            faults = {
                "those are the images that the network is least sure of": 1
                - dice[order[:keep]].mean(),
                "you kept the images of the highest Dice, which nobody knows without a reference: "
                "sort by confidence": 1 - np.sort(dice)[::-1][:keep].mean(),
                "that is the risk of all images, kept or not": 1 - dice.mean(),
                "you kept the first images, in whatever order they came": 1 - dice[:keep].mean(),
            }
            for fault, value in faults.items():
                expect(not np.isclose(found, value), f"{said}; {fault}")
        expect(not np.isclose(found, 1 - right), f"{said}; that is Dice, and risk is 1 minus it")
        claimed = 1 - np.sort(confidence)[::-1][:keep].mean()
        expect(not np.isclose(found, claimed), f"{said}; that is what the network believes of "
               "itself: take the Dice of the images kept")  # fmt: skip
        expect(np.isclose(found, right), f"{said}; 1 minus their mean Dice is {right:.4f}")


@exercise(
    objective="export a network, and prove that the copy says the same",
    expects="a function of two networks, themselves functions of an image, and a list of images",
    hint="np.abs before np.max, and the largest over all images.",
    answer="""
    def largest_difference(one, other, images):
        return max(np.abs(one(image) - other(image)).max() for image in images)
    """,
)
def largest_difference(answer):
    rng = np.random.default_rng(2)
    images = [rng.random((4, 3)) for _ in range(3)]
    for place, bend in ((0, 0.02), (2, -0.03)):
        bent = images[place]

        def other(image, bent=bent, bend=bend):
            said = image / 2 + 1e-3 * image**2
            if np.array_equal(image, bent):
                said[1, 1] += bend
            return said

        found = float(answer(lambda image: image / 2, other, images))
        gaps = np.stack([other(image) - image / 2 for image in images])
        right = np.abs(gaps).max()
        faults = {
            "that is the mean difference: one wrong pixel would drown in it": np.abs(gaps).mean(),
            "a difference below zero is one too: take np.abs": gaps.max(),
            "that is the first image only": np.abs(gaps[0]).max(),
            "that is the last image only": np.abs(gaps[-1]).max(),
            "that is the smallest difference": np.abs(gaps).min(),
            "that is the sum of the differences": np.abs(gaps).sum(),
        }
        for fault, value in faults.items():
            expect(np.isclose(value, right) or not np.isclose(found, value), fault)
        expect(
            np.isclose(found, right), f"they differ by {right:.4f} at worst; you say {found:.4f}"
        )


CLAIMS = {
    "a": "an area of shadow is not a volume: nobody measured the depth of the chest",
    "b": "breath, posture and the distance to the film change the area as well, and so does a "
    "network's mistake: one number from each of two days shows no disease",
    "c": "confidence says how much the networks agree on an outline; it knows nothing of health",
    "e": "two sets are two sources: the next scanner, ward or country is a new exam",
}


@exercise(
    objective="tell which claims a mask, its area and its score support",
    expects="one letter, such as 'a'",
    hint="Which sentence says what was measured, on whom, and stops there?",
    answer="""
    answer = "d"
    """,
)
def claim(answer):
    letter = str(answer).strip().lower()
    expect(letter in {*CLAIMS, "d"}, f"choose one of the letters a to e, not {answer!r}")
    expect(letter == "d", CLAIMS.get(letter, ""))
