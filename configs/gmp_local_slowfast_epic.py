# GMP as the first author released it later, on EPIC-Kitchens with target D1. Flags choose others.
_base_ = ['./methods/gmp-local.py']

recipe = dict(dataset='epic', target=['D1'])
