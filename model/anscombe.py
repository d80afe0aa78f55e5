"""The generalised Anscombe transform makes Poisson-Gaussian noise nearly Gaussian of variance 1; and its inverse.

Noise as in noise.poisson_gaussian: z = a * Poisson(x / a) + Normal(0, b).
"""

import numpy
from numpy import ndarray


def forward(noisy: ndarray, a: float, b: float) -> ndarray:
    """J.-L. Starck, F. Murtagh, A. Bijaoui, "Image processing and data analysis", Cambridge University Press (1998)."""
    return 2 / a * numpy.sqrt(numpy.maximum(a * noisy + 3 / 8 * a**2 + b, 0))


def inverse(transformed: ndarray, a: float, b: float) -> ndarray:
    """The exact unbiased inverse: maps the mean of forward(z) to the mean of z, not forward's algebraic inverse.

    M. Makitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE
    Trans. Image Process. 22 (2013). Tabulated here by summing over the counts and by Gauss-Hermite quadrature over the
    Gaussian part; values below the transform of darkness become 0.
    """
    brightest = max(float(transformed.max()), 1.0) ** 2 / 4 * 1.1 + 2
    counts = numpy.linspace(0, 1, 1500) ** 2 * brightest
    means = _mean_of_forward(counts, b**0.5 / a)
    return a * numpy.interp(transformed, means, counts)


def _mean_of_forward(counts: ndarray, sigma: float) -> ndarray:
    """Mean of forward over Poisson(count) + Normal(0, sigma**2), all in counts (a = 1)."""
    nodes, weights = numpy.polynomial.hermite_e.hermegauss(41)
    most = int(counts.max() + 12 * counts.max() ** 0.5 + 20)
    values = numpy.arange(most + 1)
    given_value = forward(values[:, None] + sigma * nodes, 1, sigma**2) @ weights / weights.sum()
    log_factorial = numpy.concatenate([[0], numpy.cumsum(numpy.log(values[1:]))])
    with numpy.errstate(divide="ignore", invalid="ignore"):
        log_share = values * numpy.log(counts)[:, None] - counts[:, None] - log_factorial
    share = numpy.exp(log_share)
    share[counts == 0] = values == 0
    return share @ given_value
