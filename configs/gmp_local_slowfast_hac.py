# GMP as the first author released it later, on HAC with target human. Flags choose others.
_base_ = ['./methods/gmp-local.py']

recipe = dict(dataset='hac', target=['human'])
