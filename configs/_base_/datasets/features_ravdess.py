_base_ = ['./features.py']

num_classes = 8
dataset = dict(ann_file='data/ravdess_av/ravdess_av.npz', modalities=('face', 'audio'), flatten=True)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
