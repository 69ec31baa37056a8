# MOOSA for encoders that train as a whole: with no bound on the splitting, their features grow until only it counts.
_base_ = ['./moosa.py']

moosa = [*_base_.moosa[:-1], dict(_base_.moosa[-1], margin=1.0)]
