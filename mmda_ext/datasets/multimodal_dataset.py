"""What all multimodal data sets with domains share."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmda_ext.datasets.class_choice import ClassChoice
from mmda_ext.datasets.errors import FILE_KEYS, MediaError
from mmda_ext.datasets.few_labels import FewLabels

MISSING = ('skip', 'error')


class MultimodalDataset(BaseDataset):
    """Samples of several modalities from several domains, in the form of docs/architecture.md.

    A subclass names its ``classes`` in ``METAINFO``, its domains in ``DOMAINS`` and yields the samples of one domain
    from :meth:`read_domain`; this class adds the labels of class and domain, drops samples whose files are missing, and
    replaces samples that cannot be decoded in training.

    Args:
        domains (Sequence[str]): Domains whose samples this instance holds, in this order.
        source_domains (Sequence[str]): The ordered training domains; ``domain_label`` is the position in it, and a
            sample of any other domain has ``domain_label=-1`` and ``is_target=True``.
        modalities (Sequence[str]): Modalities of a sample, in this order.
        data_root (str): Folder with the media.
        missing (str): ``'skip'`` counts, logs and leaves out samples with a missing file; ``'error'`` stops.
        max_missing (float): Largest share of the samples that ``'skip'`` leaves out; more of them stop.
        unlabeled_target (bool): Leave ``gt_label`` out of samples of domains that are not sources.
        monitor_labels (bool): Keep the label that ``unlabeled_target`` withholds as ``monitor_label``, for diagnostics
            in the log; nothing that trains reads it.
        unknown_classes (Sequence[str]): Classes of the data that a model shall not know: their samples are left out,
            and the labels of the others follow each other.
        only_unknown (bool): Hold the samples of these classes instead of all others, without labels.
        keep_unknown (bool): Hold those of domains that are not sources beside all others, without labels: an unlabelled
            target has them, too. Needs ``unlabeled_target``.
        source_classes (Sequence[Sequence[str]]): The classes of each of ``source_domains``, in this order; samples of
            other classes are left out. By default each has all that are known.
        target_classes (Sequence[str]): The classes of every other domain, known and unknown; by default all.
        few_labels (dict, optional): Which source samples keep their label: arguments of
            :class:`~mmda_ext.datasets.few_labels.FewLabels` but ``sources``; the others stay, without it. For training.
        max_refetch (int): How many undecodable samples in a row training replaces before it stops.
        **kwargs: As in :class:`mmengine.dataset.BaseDataset`: ``pipeline``, ``test_mode``, ``lazy_init``, ...

    Raises:
        ValueError: If a domain, a modality, a label or an option is unknown, or a split file is empty.
        FileNotFoundError: If a file is missing and ``missing='error'``, more than ``max_missing`` of the samples lack
            one, or nothing is left of a domain.
    """

    DOMAINS: tuple[str, ...] = ()
    #: What to do about missing files and about files that cannot be decoded, for messages.
    REMEDY = 'check `data_root` and the layout with tools/data/check_data.py (docs/data.md)'
    REMEDY_DECODE = 'look at the folder with tools/data/check_data.py --decode'

    def __init__(self,
                 domains: Sequence[str],
                 source_domains: Sequence[str],
                 modalities: Sequence[str],
                 data_root: str = '',
                 missing: str = 'skip',
                 max_missing: float = .05,
                 unlabeled_target: bool = False,
                 monitor_labels: bool = False,
                 unknown_classes: Sequence[str] = (),
                 only_unknown: bool = False,
                 keep_unknown: bool = False,
                 source_classes: Sequence[Sequence[str]] = (),
                 target_classes: Sequence[str] = (),
                 few_labels: Mapping[str, Any] | None = None,
                 max_refetch: int = 100,
                 **kwargs: Any) -> None:
        self.domains, self.source_domains = _names(domains, 'domains'), _names(source_domains, 'source_domains')
        self.modalities = _names(modalities, 'modalities')
        if missing not in MISSING:
            raise ValueError(f'missing={missing!r} is unknown: use one of {MISSING}')
        if self.DOMAINS:
            self.check_domains(self.DOMAINS)
        if not 0 <= max_missing <= 1:
            raise ValueError(f'max_missing={max_missing} is a share of the samples: it must be from 0 to 1')
        self.missing, self.max_missing = missing, max_missing
        self.num_missing = 0
        #: Largest ``gt_label`` and ``domain_label`` of the samples, for those who must fit.
        self.largest_labels: dict[str, int] = {}
        if monitor_labels and not unlabeled_target:
            raise ValueError('monitor_labels=True belongs to unlabeled_target=True: labels that are not withheld need '
                             'no other name')
        self.unlabeled_target, self.monitor_labels = unlabeled_target, monitor_labels
        if only_unknown and not unknown_classes:
            raise ValueError('only_unknown=True needs unknown_classes, the classes whose samples are wanted')
        if keep_unknown and (only_unknown or not unlabeled_target):
            raise ValueError('keep_unknown=True needs unlabeled_target=True, and goes without only_unknown: samples of '
                             'classes that the model does not know have no label to train with')
        self.unknown_classes, self.only_unknown, self.keep_unknown = tuple(unknown_classes), only_unknown, keep_unknown
        self.choice = ClassChoice(unknown_classes, source_classes, target_classes, self.source_domains)
        self.few_labels = FewLabels(self.source_domains, **few_labels) if few_labels else None
        self.decode_failures: Counter[str] = Counter()
        self._failures_in_a_row: list[str] = []
        lazy = kwargs.pop('lazy_init', False)
        super().__init__(data_root=str(data_root), max_refetch=max_refetch, lazy_init=True, **kwargs)
        self._metainfo.update(domains=self.domains, source_domains=self.source_domains)
        if not lazy:
            self.full_init()

    def read_domain(self, domain: str) -> Iterator[dict[str, Any]]:
        """Yield ``sample_id`` (without the domain), ``label``, ``where`` (for messages) and ``modalities``.

        Where the data has them, also ``split``: the part of its domain to which the sample belongs.
        """
        raise NotImplementedError

    def split_files(self) -> list[str]:
        """Files that say which samples there are, for messages."""
        raise NotImplementedError

    def check_domains(self, known: Sequence[str]) -> None:
        """Refuse domains that the data set does not have."""
        for key in ('domains', 'source_domains'):
            unknown = [name for name in getattr(self, key) if name not in known]
            if unknown:
                raise ValueError(f'{type(self).__name__}: {key} names {unknown}, but the domains are {list(known)}')

    def load_data_list(self) -> list[dict[str, Any]]:
        unknown = self.choice.resolve(self._metainfo['classes'])
        listed = {domain: list(self.read_domain(domain)) for domain in self.domains}
        held = {domain: [raw for raw in rows if self._holds(domain, raw['label'])] for domain, rows in listed.items()}
        samples = [self._annotate(domain, raw) for domain, rows in held.items() for raw in rows]
        if self.choice:
            self._check_chosen([domain for domain, rows in held.items() if listed[domain] and not rows])
            known = [name for label, name in enumerate(self._metainfo['classes']) if label not in unknown]
            self._metainfo['classes'] = tuple(known)
        # The published lists name a few segments twice; an identifier must still be unique.
        seen: Counter[str] = Counter()
        for info in samples:
            name = info['sample_id']
            seen[name] += 1
            if seen[name] > 1:
                info['sample_id'] = f'{name}#{seen[name]}'
        for key in ('gt_label', 'domain_label'):
            self.largest_labels[key] = max((info.get(key, -1) for info in samples), default=-1)
        return samples

    def _holds(self, domain: str, label: int) -> bool:
        if self.only_unknown:
            return self.choice.is_unknown(label) and self.choice.occurs(domain, label)
        return self.may_train(domain, label)

    def may_train(self, domain: str, label: int) -> bool:
        """Whether samples of this class of the data are there for training, be it without their label."""
        kept = self.keep_unknown and domain not in self.source_domains
        return self.choice.occurs(domain, label) and (kept or not self.choice.is_unknown(label))

    def _check_chosen(self, empty: list[str]) -> None:
        files = ', '.join(self.split_files())
        if self.only_unknown and len(empty) == len(self.domains):
            raise ValueError(f'{files}: no sample of domains {self.domains} is of the classes {self.unknown_classes}: '
                             'hold out others')
        if empty and not self.only_unknown:
            raise ValueError(f'{files}: unknown_classes, source_classes and target_classes leave no sample of domains '
                             f'{empty}: name other classes')

    def _annotate(self, domain: str, raw: dict[str, Any]) -> dict[str, Any]:
        """Add what the domain says to what the split file says."""
        label, classes = raw['label'], self._metainfo['classes']
        if not 0 <= label < len(classes):
            raise ValueError(
                f'{raw["where"]}: label {label} is unknown, the labels are 0 to {len(classes) - 1} {classes}')
        unknown, label = self.choice.is_unknown(label), self.choice.known(label)
        is_target = domain not in self.source_domains
        info = {
            'modalities': raw['modalities'],
            'gt_label': label,
            'domain': domain,
            'domain_label': -1 if is_target else self.source_domains.index(domain),
            'is_target': is_target,
            'sample_id': f'{domain}/{raw["sample_id"]}'}
        if 'split' in raw:
            info['split'] = raw['split']
        if unknown:
            del info['gt_label']
        elif is_target and self.unlabeled_target:
            del info['gt_label']
            if self.monitor_labels:
                info['monitor_label'] = label
        return info

    def filter_data(self) -> list[dict[str, Any]]:
        """Leave out the samples of which a file is missing; count and log them."""
        exists: dict[str, bool] = {}
        kept: list[dict[str, Any]] = []
        dropped: list[dict[str, Any]] = []
        absent: Counter[str] = Counter()
        for info in self.data_list:
            lost = [path for path in sample_files(info) if not exists.setdefault(path, Path(path).exists())]
            absent.update(lost)
            (dropped if lost else kept).append(info)
        if dropped or not kept:
            self._report_missing(dropped, kept, list(absent))
        self.num_missing = len(dropped)
        if self.few_labels is not None:
            left = self.few_labels.withhold(kept)
            print_log(f'few_labels: {left} of {len(kept)} training samples keep their label', logger='current')
        return kept

    def _report_missing(self, dropped: list[dict[str, Any]], kept: list[dict[str, Any]], absent: list[str]) -> None:
        files, total = ', '.join(self.split_files()), len(dropped) + len(kept)
        emptied = sorted({info['domain'] for info in dropped} - {info['domain'] for info in kept})
        if emptied or not kept:
            count = sum(info['domain'] in emptied for info in dropped)
            raise FileNotFoundError(
                f'{type(self).__name__}: no sample is left of the {count} that {files} lists for domains '
                f'{tuple(emptied)}; folder {self.data_root!r} lacks for example {absent[:3]}: {self.REMEDY}')
        ids = [info['sample_id'] for info in dropped[:5]]
        message = (f'{type(self).__name__}: {len(dropped)} of {total} samples lack a file '
                   f'({len(absent)} files, for example {absent[0]}); samples: {ids}; split files: {files}')
        if self.missing == 'error':
            raise FileNotFoundError(f'{message}: {self.REMEDY}, or set missing=\'skip\'')
        if len(dropped) > self.max_missing * total:
            raise FileNotFoundError(f'{message}. That is more than max_missing={self.max_missing:g} of them: '
                                    f'{self.REMEDY}, or set max_missing of the data set')
        print_log(f'{message}. They are left out: {self.REMEDY}', logger='current', level=logging.WARNING)

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline; ``None`` makes MMEngine draw another sample, which only training may do."""
        try:
            data = super().prepare_data(idx)
        except MediaError as error:
            if self.test_mode:
                raise MediaError(error.path, f'{error.reason} (a test sample is never replaced: repair the file, or '
                                 'delete it so that `missing=\'skip\'` counts it as missing)') from error
            self._note_failure(error, self.get_data_info(idx)['sample_id'])
            return None
        if self._failures_in_a_row:
            self._note_replaced(data)
        return data

    def _note_replaced(self, data: Any) -> None:
        """Let the sample say in whose place it stands: the run counts them, and this may be a worker process."""
        sample = data.get('data_samples') if isinstance(data, dict) else None
        if sample is not None and hasattr(sample, 'set_metainfo'):
            sample.set_metainfo({'replaced': tuple(self._failures_in_a_row)})
        self._failures_in_a_row = []

    def _note_failure(self, error: MediaError, sample_id: str) -> None:
        """Count a failure; log each file once in each worker."""
        self.decode_failures[error.path] += 1
        self._failures_in_a_row.append(sample_id)
        if self.decode_failures[error.path] == 1:
            print_log(f'{error}; another sample is drawn (bad files so far: {len(self.decode_failures)})',
                      logger='current', level=logging.WARNING)
        if len(self._failures_in_a_row) > self.max_refetch:
            raise MediaError(error.path, f'{error.reason} ({len(self._failures_in_a_row)} samples in a row could not '
                             f'be decoded: {self.REMEDY_DECODE})') from error

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class of a sample, for MMEngine's ``ClassBalancedDataset``."""
        return [self.get_data_info(idx)['gt_label']]


def sample_files(info: dict[str, Any]) -> list[str]:
    """Files and folders that a sample needs."""
    found: list[str] = []
    for entry in info['modalities'].values():
        for key in FILE_KEYS:
            value = entry.get(key, ())
            found += [value] if isinstance(value, str) else list(value)
    return found


def _names(values: Sequence[str], key: str) -> tuple[str, ...]:
    """Check a list of names; a bare string would be taken apart into letters."""
    names = tuple(values)
    if isinstance(values, str) or not names or len(set(names)) != len(names):
        raise ValueError(f'{key}={values!r} must be a list of distinct names with at least one element')
    return names
