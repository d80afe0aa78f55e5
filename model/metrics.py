"""Image quality against a known clean image."""

import numpy
from numpy import ndarray


def psnr(clean: ndarray, result: ndarray) -> float:
    """Peak signal-to-noise ratio in dB, data range 1: -10 log10 of the mean squared error; nothing is clipped."""
    return float(-10 * numpy.log10(numpy.mean((clean - result) ** 2)))


def ssim(clean: ndarray, result: ndarray) -> float:
    """Mean structural similarity for a data range of 1, images of at least 11x11.

    Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Process. 13 (2004): Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03,
    over the places where the window lies inside the image.
    """
    bell = numpy.exp(-0.5 * (numpy.arange(-5, 6) / 1.5) ** 2)
    bell /= bell.sum()

    def local_mean(image: ndarray) -> ndarray:
        for axis in (0, 1):
            image = numpy.lib.stride_tricks.sliding_window_view(image, 11, axis=axis) @ bell
        return image

    c1, c2 = 0.01**2, 0.03**2
    mean_1, mean_2 = local_mean(clean), local_mean(result)
    variance_1 = local_mean(clean**2) - mean_1**2
    variance_2 = local_mean(result**2) - mean_2**2
    covariance = local_mean(clean * result) - mean_1 * mean_2
    likeness = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return float(numpy.mean(likeness / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))))
