# Direct transfer on MSP-IMPROV, speech, face and words: the losses of the source alone; nothing reads the target.
_base_ = [
    '../_base_/models/wavlm_vit_bert.py',
    '../_base_/datasets/msp-improv.py',
    '../_base_/objectives/boomda.py',
    '../_base_/schedules/adam_emotion.py',
    '../_base_/default_runtime.py',
]

model = dict(objectives=[{{_base_.bottleneck}}])
