# GMP on HAC, video and audio: train on animals and cartoons, test on unseen humans. Flags choose others.
_base_ = ['./methods/gmp.py']

recipe = dict(dataset='hac', target=['human'])
