# SimMMDG with GMP, aligned mapping: the method's terms join the domain task and are balanced with it.
_base_ = ['./simmmdg-gmp.py']

_adversary, *_terms = _base_.model.objectives
model = dict(objectives=[_adversary, *[dict(term, task='domain') for term in _terms]])
