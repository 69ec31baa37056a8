"""Every small number that keeps a value off 0, with its reason. Methods name one of these; none has its own.

A number that a paper or its code publishes stays as published, under a name of its own.
"""

# Balancing: what counts as nothing.

#: Part of the largest squared gradient norm below which an objective has no gradient.
NO_GRADIENT = 1e-12
#: Squared length, as a part of the trace, below which a combination of gradients is none (CAGrad).
NO_COMBINATION = 1e-8
#: Summed gains of accuracy closer to 0 say nothing about the share of a modality in them (CGGM).
NO_GAIN = 1e-3

# Balancing: denominators and logarithms.

#: Smallest denominator of a ratio of confidence sums (GMP, OGM). A floor, not an addend: ordinary ratios stay exact.
CONFIDENCE = 1e-6
#: Smallest loss in a logarithm or a denominator (FAMO, DWA, GradNorm): CORAL losses can be exactly 0.
LOSS = 1e-8
#: Smallest weight before they are scaled to their sum (GradNorm): a step against the sign of a slope could cross 0.
LEARNED_WEIGHT = 1e-3
#: Added to the summed gain, above the fraction and below it, as in the public code of CGGM: without any gain B is 1.
SUMMED_GAIN = 1e-8
#: Added to the standard deviation of the noise, as in the public code of OGM-GE.
NOISE_DEVIATION = 1e-8

# Balancing: solvers, on the host in float64.

#: Added to the diagonal of a Gramian of trace 1: without it, enumeration misses the optimum of singular ones.
RIDGE = 1e-10
#: Added to the diagonal of the matrix of cosines (Nash-MTL): opposite gradients have no finite bargain.
BARGAIN_RIDGE = 1e-6
#: Newton's decrement at which a bargain is found.
BARGAIN_DECREMENT = 1e-9
#: Slopes of a problem of trace 1 above minus this do not descend, and coefficients below it are at their bound.
ACTIVE_SET = 1e-12
#: Frank-Wolfe stops where weights move less than this, in the sum of absolute changes.
FRANK_WOLFE = 1e-6

# Models.

#: Added to variances and squared distances in front of a square root or a logarithm, and the length below which a row
#: or a norm has no direction: features that never change stay finite.
VARIANCE = 1e-6
#: Added to variances and to the diagonal of the correlation of features, as published with MER-DG.
CORRELATION = 1e-4
#: Smallest bandwidth of a kernel: rows that are all equal have kernel 1 and no gradient, instead of 0 / 0.
BANDWIDTH = 1e-12
#: Added inside the logarithm of an entropy, as in the public code of CDAN.
ENTROPY = 1e-5
#: Smallest probability in a logarithm (DADA 2020).
PROBABILITY = 1e-6
#: Smallest probability in a score, as in the public code of AGM.
SCORE_PROBABILITY = 1e-8
#: Added to the variance of a wave, as in the feature extractors that the speech models were trained with.
WAVE_VARIANCE = 1e-7
#: Taken off a fraction of a count, so that 0.75 * 4 stays 3 where rounding would make it a hair more.
ROUNDING = 1e-9

# Optimizer wrappers.

#: Added to the norm of a gradient, as in the public code of SAM.
SAM_NORM = 1e-12

# Evaluation.

#: Smallest gain of NLL, nats, that is more than the solver's tolerance (weights that every domain agrees on).
AGREED_GAIN = 1e-4
