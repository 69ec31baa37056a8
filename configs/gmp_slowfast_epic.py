# GMP on EPIC-Kitchens, video and audio: train on D2 and D3, test on the unseen D1. Flags choose others.
_base_ = ['./methods/gmp.py']

recipe = dict(dataset='epic', target=['D1'])
