# As epic.py, for the packaging with one video file for each segment, which has no optical flow.
_base_ = ['./epic.py']

networks = dict(_delete_=True, video=_base_.networks.video, audio=_base_.networks.audio)
opening = dict(type='mmda_ext.PerModality', video=[dict(type='mmda_ext.OpenVideo')])
decoding = [dict(type='mmda_ext.DecodeVideo')]
train_decoding = dict(_base_.train_decoding, video=decoding + _base_.train_decoding.video[1:])
test_decoding = dict(_base_.test_decoding, video=decoding + _base_.test_decoding.video[1:])
with_video = [opening] if 'video' in _base_.modalities else []
train_pipeline = [
    *with_video,
    _base_.sampling,
    dict(type='mmda_ext.PerModality', **{name: train_decoding[name] for name in _base_.modalities}),
    _base_.train_pipeline[-1],
]
test_pipeline = [
    *with_video,
    dict(_base_.sampling, test_mode=True),
    dict(type='mmda_ext.PerModality', **{name: test_decoding[name] for name in _base_.modalities}),
    _base_.test_pipeline[-1],
]

train_dataloader = dict(dataset=dict(layout='clips', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(layout='clips', pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(layout='clips', pipeline=test_pipeline))
