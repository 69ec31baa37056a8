# SimMMDG for encoders that train as a whole: with no bound on the splitting, their features grow until only it counts.
_base_ = ['./simmmdg.py']

simmmdg = [*_base_.simmmdg[:-1], dict(_base_.simmmdg[-1], margin=1.0)]
