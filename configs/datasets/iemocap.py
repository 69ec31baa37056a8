# IEMOCAP in two halves, the target corrupted as in the paper: speech, face and words. docs/emotion_data.md
_base_ = [
    '../_base_/networks/wavlm_vit_bert.py',
    '../_base_/loaders.py',
    '../_base_/schedules/adam_emotion.py',
    '../_base_/default_runtime.py',
]

adapts = True
domains = ('source', 'target')
target_domains = {{'$MMDA_TARGET:None'}} or ('target', )
source_domains = {{'$MMDA_SOURCES:None'}} or ('source', )
modalities = {{'$MMDA_MODALITIES:None'}} or ('speech', 'face', 'text')
num_classes = 4

steps = dict(
    speech=[dict(type='mmda_ext.LoadAudio')],
    face=[dict(type='mmda_ext.LoadFaces', num_frames=8, size=224)],
    text=[dict(type='mmda_ext.TokenizeText', tokenizer='checkpoints/bert-base-uncased', max_length=64)])
# Samples of the target only, each always in the same way. The paper gives 1.0, 20 %, 0.5 and 40 % without units.
corruption = dict(
    speech=dict(type='mmda_ext.CorruptSpeech', snr=1.0, snr_unit='linear', seed=0),
    face=dict(type='mmda_ext.CorruptFaces', brightness=0.2, noise='snr', level=0.5, seed=0),
    text=dict(type='mmda_ext.CorruptText', fraction=0.4, mode='exact', token='MASK', seed=0))
# Words are corrupted before they become numbers, sound and pictures after.
pipeline = [
    *[dict(type='mmda_ext.PerModality', **{name: steps[name]}) for name in modalities if name != 'text'],
    *[corruption[name] for name in modalities],
    *[dict(type='mmda_ext.PerModality', text=steps[name]) for name in modalities if name == 'text'],
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

dataset = dict(
    type='mmda_ext.IEMOCAPDataset',
    data_root='data/iemocap/',
    source_domains=source_domains,
    modalities=modalities,
    pipeline=pipeline)
# 48 of each half; the labels of the target are withheld.
train_dataloader = dict(
    batch_size=96,
    drop_last=False,
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=48, n_target=48),
    dataset=dict(**dataset, domains=source_domains + target_domains, split='train', unlabeled_target=True))
# Selection sees the source only.
val_dataloader = dict(batch_size=48, dataset=dict(**dataset, domains=source_domains, split='val'))
test_dataloader = dict(batch_size=48, dataset=dict(**dataset, domains=target_domains, split='all'))

val_evaluator = [dict(type='mmda_ext.DomainAccuracy'), dict(type='mmda_ext.WeightedF1')]
# The plain keys count the test part, `..._transductive` the whole half.
test_evaluator = [
    dict(type='mmda_ext.DomainAccuracy', inductive_split='test'),
    dict(type='mmda_ext.WeightedF1', inductive_split='test'),
]
