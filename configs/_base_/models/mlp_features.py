# One MLP per modality on ready-made features. The recipes add modalities and widths.
model = dict(
    type='mmda_ext.MultimodalRecognizer',
    cls_head=dict(type='mmda_ext.MultimodalClsHead'),
    data_preprocessor=dict(type='mmda_ext.MultimodalDataPreprocessor'))
