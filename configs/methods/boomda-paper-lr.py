# Boomda with the learning rate of the paper for all that trains, the blocks of the pre-trained encoders included.
#
# section: Boomda's rows
# row: the printed learning rate
# what it is: 1e-3 for pre-trained encoders too
_base_ = ['./boomda.py']

optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'encoder.model': dict(lr_mult=1.)}))
