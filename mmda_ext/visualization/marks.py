"""Generated text between two marks of a page that is otherwise written by hand."""

from pathlib import Path


def replace_between(path: str | Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name: begin -->`` and ``<!-- name: end -->``.

    Raises:
        ValueError: If the page has not both marks.
    """
    path = Path(path)
    begin, end = f'<!-- {name}: begin -->', f'<!-- {name}: end -->'
    page = path.read_text(encoding='utf-8')
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f'{path}: needs the marks {begin} and {end} once each, around the generated part')
    head, tail = page.split(begin)[0], page.split(end)[1]
    path.write_text(f'{head}{begin}\n{text.strip()}\n{end}{tail}', encoding='utf-8')
