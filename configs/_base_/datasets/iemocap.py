# IEMOCAP in two halves, the target corrupted as in the paper: speech, face and words. docs/emotion_data.md
data_root = 'data/iemocap/'
modalities = ('speech', 'face', 'text')
num_classes = 4

speech_steps = [dict(type='mmda_ext.LoadAudio')]
face_steps = [dict(type='mmda_ext.LoadFaces', num_frames=8, size=224)]
text_steps = [dict(type='mmda_ext.TokenizeText', tokenizer='checkpoints/bert-base-uncased', max_length=64)]
# Samples of the target only, each always in the same way. The paper gives 1.0, 20 %, 0.5 and 40 % without units.
corrupt_speech = dict(type='mmda_ext.CorruptSpeech', snr=1.0, snr_unit='linear', seed=0)
corrupt_faces = dict(type='mmda_ext.CorruptFaces', brightness=0.2, noise='snr', level=0.5, seed=0)
corrupt_text = dict(type='mmda_ext.CorruptText', fraction=0.4, mode='exact', token='MASK', seed=0)
pipeline = [
    dict(type='mmda_ext.PerModality', speech=speech_steps, face=face_steps),
    corrupt_speech,
    corrupt_faces,
    corrupt_text,
    dict(type='mmda_ext.PerModality', text=text_steps),
    dict(type='mmda_ext.PackMultimodalInputs', modalities=modalities),
]

source_domains = ('source', )
dataset = dict(
    type='mmda_ext.IEMOCAPDataset',
    data_root=data_root,
    source_domains=source_domains,
    modalities=modalities,
    pipeline=pipeline)
loader = dict(
    num_workers=4,
    persistent_workers=False,
    worker_init_fn=dict(type='mmda_ext.seed_worker'),
    collate_fn=dict(type='pseudo_collate'))
# 48 of each half; the labels of the target are withheld.
train_dataloader = dict(
    **loader,
    batch_size=96,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmda_ext.SourceTargetBatchSampler', n_source=48, n_target=48),
    dataset=dict(**dataset, domains=('source', 'target'), split='train', unlabeled_target=True))
# Selection sees the source only.
val_dataloader = dict(
    **loader,
    batch_size=48,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, domains=source_domains, split='val', test_mode=True))
test_dataloader = dict(
    **loader,
    batch_size=48,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, domains=('target', ), split='all', test_mode=True))

val_evaluator = [dict(type='mmda_ext.DomainAccuracy'), dict(type='mmda_ext.WeightedF1')]
# The plain keys count the test part, `..._transductive` the whole half.
test_evaluator = [
    dict(type='mmda_ext.DomainAccuracy', inductive_split='test'),
    dict(type='mmda_ext.WeightedF1', inductive_split='test'),
]
