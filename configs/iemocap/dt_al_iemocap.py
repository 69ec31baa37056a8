# Direct transfer on IEMOCAP, speech and words: the losses of the source alone; nothing reads the target.
_base_ = [
    '../_base_/models/wavlm_vit_bert-al.py',
    '../_base_/datasets/iemocap-al.py',
    '../_base_/objectives/boomda.py',
    '../_base_/schedules/adam_emotion.py',
    '../_base_/default_runtime.py',
]

model = dict(objectives=[{{_base_.bottleneck}}])
