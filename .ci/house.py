"""Keeps the house: `python .ci/house.py VERB [NOTEBOOK ...]`.

run NOTEBOOK ...  execute notebooks in place with JPEG figures, then clean them; slow cells only in benchmarks
readme            write README.md from nbs/index.ipynb
kernels           write the notebooks of kaggle/ from nbs/kaggle.ipynb
pictures DEMO     renew nbs/images from a finished `cityseg demo` (needs chromium)
check             are README.md and kaggle/ in sync and sound, committed outputs small and without absolute paths?
"""
import os, re, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = sorted((ROOT/'nbs').glob('*.ipynb'))


def run(paths):
    "Execute each notebook in its folder and keep its outputs, figures as JPEG."
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    os.environ['PYTHONPATH'] = str(ROOT)  # this checkout's cityseg, as nbdev_test has it
    jpeg = ["--InlineBackend.figure_formats={'jpeg'}", "--InlineBackend.rc={'figure.dpi': 80}"]
    for path in map(Path, paths):
        nb = nbformat.read(path, 4)
        nb.metadata['kernelspec'] = dict(name='python3', language='python', display_name='python3')
        slow = [] if path.name.startswith('bench') else [c for c in nb.cells if c.source.startswith('#| slow')]
        for c in slow: c.cell_type = 'raw'
        client = NotebookClient(nb, extra_arguments=jpeg, timeout=900, resources={'metadata': {'path': str(path.parent)}})
        try: client.execute()
        except CellExecutionError as e: sys.exit(f'{path.name}: ' + re.sub(r'\x1b\[[0-9;]*m', '', str(e))[-4000:])
        for c in slow: c.cell_type = 'code'
        for c in nb.cells:
            if c.cell_type == 'code': c.outputs = [o for o in map(_still, c.outputs) if not _is_noise(o)]
        nb.metadata.pop('widgets', None)
        nbformat.write(nb, path)
        subprocess.run(['nbdev_clean', '--fname', str(path)], check=True)
        print(f'{path.name}: executed, {path.stat().st_size/1e3:.0f} kB')


def _is_noise(output):
    "Progress bars, live widgets, nothing at all: they mean nothing once the kernel is gone."
    return output.get('name') == 'stderr' or output.get('text') == '' or 'application/vnd.jupyter.widget-view+json' in output.get('data', {})


def _still(output):
    "A printed output without what differs from run to run: the preflight's table, when a training will end."
    if output.get('name') == 'stdout':
        output['text'] = re.sub(r'(?m)^(ok {4}\w|at this pace ).*\n?', '', ''.join(output['text']))
    return output


def readme_text():
    "README.md as nbconvert makes it from index.ipynb: no hidden cells, pictures left to links."
    import nbformat
    from nbconvert import MarkdownExporter
    nb = nbformat.read(ROOT/'nbs'/'index.ipynb', 4)
    nb.cells = [c for c in nb.cells if not c.source.startswith('#| hide')]
    text, _ = MarkdownExporter().from_notebook_node(nb)
    text = re.sub(r'\]\((?=images/|\w+\.ipynb)', '](nbs/', text)  # links as seen from the top
    return ('<!-- Made from nbs/index.ipynb by `python .ci/house.py readme`; edit that. -->\n\n'
            + re.sub(r'\n{3,}', '\n\n', text).strip() + '\n')


def kernels():
    "The notebooks of kaggle/, {path: text}: the cells of nbs/kaggle.ipynb, less those that are only for others."
    import json
    cells = json.loads((ROOT/'nbs'/'kaggle.ipynb').read_text(encoding='utf-8'))['cells']
    made = {}
    for meta in sorted((ROOT/'kaggle').glob('*/kernel-metadata.json')):
        mine, name, trained = [], meta.parent.name, False
        for cell in cells:
            first, *rest = ''.join(cell['source']).splitlines(keepends=True)
            only = re.fullmatch(r'(?:#\| |<!-- )only:([\w ]*)(?: -->)?', first.strip())
            if first.startswith('#| hide') or only and name not in only[1].split(): continue
            tags = dict(tags=['raises-exception']) if trained and cell['cell_type'] == 'code' else {}  # the rest runs all the same
            trained |= 'predict = Predictor(load(' in ''.join(cell['source'])
            cell = {**cell, 'source': rest if only else [first, *rest], 'metadata': tags}
            mine.append({**cell, 'outputs': [], 'execution_count': None} if cell['cell_type'] == 'code' else cell)
        spec = dict(kernelspec=dict(display_name='Python 3', language='python', name='python3'))
        nb = dict(cells=mine, metadata={**spec, 'language_info': dict(name='python')}, nbformat=4, nbformat_minor=5)
        made[meta.parent/f'{name}.ipynb'] = json.dumps(nb, indent=1, sort_keys=True, ensure_ascii=False) + '\n'
    return made


def pictures(demo):
    "The README's pictures: the demo's gif, and the inspector page as Chromium shows it."
    import cv2
    demo, images = Path(demo).resolve(), ROOT/'nbs'/'images'
    images.mkdir(exist_ok=True)
    (images/'timelapse.gif').write_bytes((demo/'timelapse.gif').read_bytes())
    with tempfile.TemporaryDirectory() as tmp:
        flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1280,800',
                 '--disable-background-networking', '--virtual-time-budget=5000', f'--user-data-dir={tmp}/profile']
        page = (demo/'inspector.html').as_uri()
        subprocess.run(['chromium', *flags, f'--screenshot={tmp}/page.png', page], check=True, capture_output=True)
        cv2.imwrite(str(images/'inspector.jpg'), cv2.imread(f'{tmp}/page.png'), [cv2.IMWRITE_JPEG_QUALITY, 88])


def check():
    "Every fault of the house that nbdev does not look for."
    faults = [] if (ROOT/'README.md').read_text(encoding='utf-8') == readme_text() else [
        'README.md differs from nbs/index.ipynb: run `python .ci/house.py readme`']
    index = (ROOT/'nbs'/'index.ipynb').read_text(encoding='utf-8')
    for path in NBS:
        text = path.read_text(encoding='utf-8')
        if path.stem != 'index' and f']({path.name})' not in index: faults.append(f'{path.name}: not told of in nbs/index.ipynb')
        if len(text) > 700_000: faults.append(f'{path.name}: {len(text)/1e3:.0f} kB; keep outputs under 500 kB of pictures')
        if 'widget-view+json' in text: faults.append(f'{path.name}: live widget state in an output')
        if re.search(r'"[^"]*(/home/|/root/|/tmp/|/work/)', text): faults.append(f'{path.name}: an absolute path')
    sys.path.insert(0, str(ROOT))
    from cityseg.kernels import check_kernel
    for path, text in kernels().items():
        if not path.exists() or path.read_text(encoding='utf-8') != text:
            faults.append(f'{path.name} differs from nbs/kaggle.ipynb: run `python .ci/house.py kernels`')
        faults += map(str, check_kernel(path.parent))
    return faults


if __name__ == '__main__':
    verb, *rest = sys.argv[1:] or ['help']
    if verb == 'run': run(rest or NBS)
    elif verb == 'readme': (ROOT/'README.md').write_text(readme_text(), encoding='utf-8')
    elif verb == 'kernels':
        for path, text in kernels().items(): path.write_text(text, encoding='utf-8')
    elif verb == 'pictures': pictures(*rest)
    elif verb == 'check': sys.exit('\n'.join(check()) or 0)
    else: sys.exit(__doc__)
