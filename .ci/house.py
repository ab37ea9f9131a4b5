"""Keeps the house: `python .ci/house.py VERB [NOTEBOOK ...]`.

run NOTEBOOK ...  execute notebooks in place with JPEG figures, then clean them; slow cells only in benchmarks
readme            write README.md from nbs/index.ipynb
kernels           write the notebooks of kaggle/ from nbs/kaggle.ipynb
bootstrap         put links, and the cell that installs cityseg on Kaggle and Colab, into every lesson
pictures DEMO     renew nbs/images from a finished `cityseg demo` (needs chromium)
check             are README.md and kaggle/ in sync, outputs small and portable, and is the style kept?
check FILE ...    the outputs and the style of these notebooks and modules only
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from style import NOTEBOOKS, ROOT, SOURCES, style_faults

PICTURE_BYTES = 500_000    # of a notebook's outputs, together
NOTEBOOK_BYTES = 700_000   # of a notebook's file, in which pictures take a third more
REPOSITORY = 'github.com/cityseg/cityseg'
JPEG_FIGURES = ["--InlineBackend.figure_formats={'jpeg'}", "--InlineBackend.rc={'figure.dpi': 80}"]


def run(paths: list[Path]):
    "Execute each notebook in its folder and keep its outputs, figures as JPEG."
    os.environ['PYTHONPATH'] = str(ROOT)  # this checkout's cityseg, as nbdev_test has it
    for path in paths:
        execute(path)
        subprocess.run(['nbdev_clean', '--fname', str(path)], check=True)
        print(f'{path.name}: executed, {path.stat().st_size/1e3:.0f} kB')


def execute(path: Path):
    "Execute one notebook; its slow cells are left out, if it is no benchmark."
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    notebook = nbformat.read(path, 4)
    notebook.metadata['kernelspec'] = dict(name='python3', language='python', display_name='python3')
    skipped = []
    if not path.name.startswith('bench'):
        skipped = [cell for cell in notebook.cells if cell.source.startswith('#| slow')]
    for cell in skipped:
        cell.cell_type = 'raw'
    folder = {'metadata': {'path': str(path.parent)}}
    try:
        NotebookClient(notebook, extra_arguments=JPEG_FIGURES, timeout=7200, resources=folder).execute()
    except CellExecutionError as error:
        colourless = re.sub(r'\x1b\[[0-9;]*m', '', str(error))
        sys.exit(f'{path.name}: {colourless[-4000:]}')
    for cell in skipped:
        cell.cell_type = 'code'
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            cell.outputs = [portable(output) for output in cell.outputs if not is_noise(output)]
    notebook.metadata.pop('widgets', None)
    nbformat.write(notebook, path)


def is_noise(output: dict) -> bool:
    "Progress bars, live widgets, nothing at all: they mean nothing once the kernel is gone."
    is_widget = 'application/vnd.jupyter.widget-view+json' in output.get('data', {})
    return is_widget or output.get('name') == 'stderr' or output.get('text') == ''


def portable(output: dict) -> dict:
    "An output without what differs each time: temporary folders, the preflight's table, an expected end."
    temporary = re.escape(tempfile.gettempdir()) + r'/tmp\w+/'
    if output.get('name') == 'stdout':
        text = re.sub(r'(?m)^(ok {4}\w|at this pace ).*\n?', '', ''.join(output['text']))
        output['text'] = re.sub(temporary, '', text)
    if 'text/plain' in output.get('data', {}):
        output['data']['text/plain'] = re.sub(temporary, '', ''.join(output['data']['text/plain']))
    return output


def readme_text() -> str:
    "README.md as nbconvert makes it from index.ipynb: no hidden cells, pictures left to links."
    import nbformat
    from nbconvert import MarkdownExporter
    notebook = nbformat.read(ROOT/'nbs'/'index.ipynb', 4)
    left_out = '#| hide', OPEN_IN
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith(left_out)]
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    text = re.sub(r'\]\((?=images/|label_sets/|tests/|\w+\.ipynb)', '](nbs/', text)  # as seen from the top
    text = re.sub(r'\n{3,}', '\n\n', text).strip()
    return f'<!-- Made from nbs/index.ipynb by `python .ci/house.py readme`; edit that. -->\n\n{text}\n'


def kernels() -> dict[Path, str]:
    "The notebooks of kaggle/, {path: text}, as nbs/kaggle.ipynb has them."
    cells = json.loads((ROOT/'nbs'/'kaggle.ipynb').read_text(encoding='utf-8'))['cells']
    spec = dict(display_name='Python 3', language='python', name='python3')
    metadata = dict(kernelspec=spec, language_info=dict(name='python'))
    made = {}
    for folder in sorted(p.parent for p in (ROOT/'kaggle').glob('*/kernel-metadata.json')):
        own = kernel_cells(cells, folder.name)
        notebook = dict(cells=own, metadata=metadata, nbformat=4, nbformat_minor=5)
        text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
        made[folder/f'{folder.name}.ipynb'] = text + '\n'
    return made


def kernel_cells(cells: list[dict], name: str) -> list[dict]:
    "The cells of one kernel: all but the hidden ones and those that are only for others."
    kept = []
    for cell in cells:
        lines = ''.join(cell['source']).splitlines(keepends=True)
        only = re.fullmatch(r'(?:#\| |<!-- )only:([\w ]*)(?: -->)?', lines[0].strip())
        if lines[0].startswith('#| hide') or only and name not in only[1].split():
            continue
        cell = {**cell, 'metadata': {}, 'source': lines[1:] if only else lines}
        if cell['cell_type'] == 'code':
            cell.update(outputs=[], execution_count=None)
        kept.append(cell)
    return kept


OPEN_IN = '<!-- open in -->'  # begins the cell with the links
LESSONS = [*sorted((ROOT/'nbs').glob('[0-9]*_*.ipynb')), ROOT/'nbs'/'index.ipynb']


def bootstrap_cells(path: Path) -> list[dict]:
    "The two cells below a lesson's title: links that open it elsewhere, and what makes it run there."
    place = f'{REPOSITORY}/blob/main/nbs/{path.name}'
    kaggle = f'[Open in Kaggle](https://kaggle.com/kernels/welcome?src=https://{place})'
    colab = f'[Open in Colab](https://colab.research.google.com/{place.replace(".com", "", 1)})'
    code = (ROOT/'.ci'/'bootstrap.py').read_text(encoding='utf-8').rstrip('\n')
    cells = []
    for kind, source in (('markdown', f'{OPEN_IN}\n{kaggle} · {colab}'), ('code', code)):
        id = hashlib.sha1(f'{kind} {path.stem}'.encode()).hexdigest()[:8]
        cell = dict(cell_type=kind, id=id, metadata={}, source=source.splitlines(keepends=True))
        cells.append(cell | (dict(execution_count=None, outputs=[]) if kind == 'code' else {}))
    return cells


def has_bootstrap(notebook: dict) -> bool:
    "Do any such cells stand in a notebook?"
    return any(''.join(cell['source']).startswith(OPEN_IN) for cell in notebook['cells'])


def with_bootstrap(path: Path) -> dict:
    "A lesson with these cells, in the place of those that it had."
    notebook = json.loads(path.read_text(encoding='utf-8'))
    cells = notebook['cells']
    if has_bootstrap(notebook):
        del cells[1:3]
    cells[1:1] = bootstrap_cells(path)
    return notebook


def bootstrap_faults() -> Iterator[str]:
    "Lessons in which these cells are others than they should be, once some lesson has them."
    lessons = {path: json.loads(path.read_text(encoding='utf-8')) for path in LESSONS}
    if any(map(has_bootstrap, lessons.values())):
        for path, notebook in lessons.items():
            if notebook['cells'][1:3] != bootstrap_cells(path):
                yield f'{path.name} does not open elsewhere: run `python .ci/house.py bootstrap`'


def pictures(demo: Path):
    "The README's pictures: the demo's gif, and the inspector page as Chromium shows it."
    import cv2
    images = ROOT/'nbs'/'images'
    images.mkdir(exist_ok=True)
    (images/'timelapse.gif').write_bytes((demo/'timelapse.gif').read_bytes())
    page = (demo/'inspector.html').resolve().as_uri()
    with tempfile.TemporaryDirectory() as scratch:
        screenshot = f'{scratch}/page.png'
        flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1280,800',
                 '--disable-background-networking', '--virtual-time-budget=5000',
                 f'--user-data-dir={scratch}/profile', f'--screenshot={screenshot}']
        subprocess.run(['chromium', *flags, page], check=True, capture_output=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
        cv2.imwrite(str(images/'inspector.jpg'), cv2.imread(screenshot), quality)


def picture_bytes(notebook: dict) -> int:
    "How large the pictures in a notebook's outputs are, together."
    size = 0
    for cell in notebook['cells']:
        for output in cell.get('outputs', []):
            for kind, content in output.get('data', {}).items():
                if kind in ('image/jpeg', 'image/png', 'image/gif'):
                    size += len(base64.b64decode(''.join(content)))
    return size


def output_faults(path: Path) -> Iterator[str]:
    "What is wrong with a notebook's committed outputs, a sentence each."
    text = path.read_text(encoding='utf-8')
    size = picture_bytes(json.loads(text))
    if size > PICTURE_BYTES:
        yield f'{size/1e3:.0f} kB of pictures; at most {PICTURE_BYTES/1e3:.0f} kB'
    if len(text) > NOTEBOOK_BYTES:
        yield f'{len(text)/1e3:.0f} kB; at most {NOTEBOOK_BYTES/1e3:.0f} kB with its outputs'
    if '"image/png"' in text:
        yield 'a PNG in an output: run `python .ci/house.py run`, which makes JPEGs'
    if 'widget-view+json' in text:
        yield 'live widget state in an output'
    without_pictures = re.sub(r'"image/\w+": "[^"]*"', '', text)
    if re.search(r'"[^"]*(/home/|/root/|/tmp/|/work/)', without_pictures):
        yield 'an absolute path'


def sync_faults() -> Iterator[str]:
    "Where README.md, its list of notebooks and kaggle/ differ from what they are made of."
    if (ROOT/'README.md').read_text(encoding='utf-8') != readme_text():
        yield 'README.md differs from nbs/index.ipynb: run `python .ci/house.py readme`'
    index = (ROOT/'nbs'/'index.ipynb').read_text(encoding='utf-8')
    for path in NOTEBOOKS:
        if path.parent.name == 'nbs' and path.stem != 'index' and f']({path.name})' not in index:
            yield f'{path.name}: not told of in nbs/index.ipynb'
    yield from bootstrap_faults()
    sys.path.insert(0, str(ROOT))
    from cityseg.kernels import check_kernel
    for path, text in kernels().items():
        if not path.exists() or path.read_text(encoding='utf-8') != text:
            yield f'{path.name} differs from nbs/kaggle.ipynb: run `python .ci/house.py kernels`'
        for fault in check_kernel(path.parent):
            yield str(fault)


def check(paths: list[Path]) -> list[str]:
    "Every fault that nbdev does not look for: of the given files, by default of the whole house."
    chosen = paths or [*SOURCES, *NOTEBOOKS]
    faults = [] if paths else list(sync_faults())
    for path in chosen:
        if path.suffix == '.ipynb':
            name = path.resolve().relative_to(ROOT)
            faults += [f'{name}: {fault}' for fault in output_faults(path)]
    return faults + style_faults(chosen)


def main(verb: str, paths: list[Path]):
    "Do what the verb says."
    if verb == 'run':
        run(paths or NOTEBOOKS)
    elif verb == 'readme':
        (ROOT/'README.md').write_text(readme_text(), encoding='utf-8')
    elif verb == 'kernels':
        for path, text in kernels().items():
            path.write_text(text, encoding='utf-8')
    elif verb == 'bootstrap':
        for path in LESSONS:
            text = json.dumps(with_bootstrap(path), indent=1, sort_keys=True, ensure_ascii=False)
            path.write_text(text + '\n', encoding='utf-8')
    elif verb == 'pictures' and paths:
        pictures(paths[0])
    elif verb == 'check':
        sys.exit('\n'.join(check(paths)) or 0)
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main(''.join(sys.argv[1:2]), [Path(argument) for argument in sys.argv[2:]])
