"""A model goes to Hugging Face and to Kaggle, as far as servers on this machine, and comes back.

A process of its own, for huggingface_hub reads the environment but once: `python publishing.py`"""
import base64
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote, urlparse


class Hub(BaseHTTPRequestHandler):
    "Hugging Face and Kaggle, as far as a publication needs them."
    protocol_version = 'HTTP/1.1'
    repos, blobs = {}, {}
    kaggle = {}
    seen, refuse = [], {}

    def body(self):
        "What the request brings, in one piece or in chunks."
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length') or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b''.join(parts)

    def answer(self, value=None, status=200, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value or {}).encode()
        self.send_response(status)
        headers = {'Content-Type': 'application/json', 'Content-Length': len(body), **headers}
        for name, text in headers.items():
            self.send_header(name.replace('_', '-'), str(text))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def handle_any(self):
        "Note a request and answer it; refuse it where that is asked for."
        path, body = unquote(urlparse(self.path).path), self.body()
        what = path.rsplit('/', 1)[1]
        self.seen.append((self.command, path))
        for part, status in self.refuse.items():
            if part in path:
                return self.answer(dict(error='as said', message='as said'), status)
        if '/blob/' in path or '/upload' in path and self.command == 'PUT':
            self.blobs[what] = body
            return self.answer()
        if 'kagglesdk' in path or '/v1/' in path:
            return self.on_kaggle(what, json.loads(body or b'{}'))
        return self.on_face(path, what, body)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def on_face(self, path, what, body):
        "Hugging Face: create, preupload, large files, commit, settings, listing, files."
        host = f'http://{self.headers["Host"]}'
        if path == '/api/repos/create':
            asked = json.loads(body)
            id = f'{asked.get("organization") or "ada"}/{asked["name"]}'
            if id in self.repos:
                return self.answer(dict(error='You already created this model repo', url=f'{host}/{id}'), 409)
            private = asked.get('private') or asked.get('visibility') == 'private'
            self.repos[id] = dict(private=private, files={})
            return self.answer(dict(url=f'{host}/{id}', id=id))
        if path == '/api/validate-yaml':
            return self.answer(dict(errors=[], warnings=[]))
        if what == 'batch':
            objects = []
            for asked in json.loads(body)['objects']:
                upload = dict(href=f'{host}/blob/{asked["oid"]}')
                objects.append(dict(asked, actions=dict(upload=upload)))
            return self.answer(dict(transfer='basic', objects=objects))
        id = '/'.join(path.removeprefix('/api/models').strip('/').split('/')[:2])
        if id not in self.repos:
            return self.answer(dict(error='Repository not found'), 404, X_Error_Code='RepoNotFound')
        repo = self.repos[id]
        if '/preupload/' in path:
            files = []
            for file in json.loads(body)['files']:
                mode = 'lfs' if file['size'] > 1e6 else 'regular'
                files.append(dict(path=file['path'], uploadMode=mode, shouldIgnore=False))
            return self.answer(dict(files=files))
        if '/commit/' in path:
            for line in filter(None, body.split(b'\n')):
                entry = json.loads(line)
                value = entry['value']
                if entry['key'] == 'file':
                    repo['files'][value['path']] = base64.b64decode(value['content'])
                if entry['key'] == 'lfsFile':
                    repo['files'][value['path']] = self.blobs[value['oid']]
            return self.answer(dict(success=True, commitUrl=f'{host}/{id}/commit/{"a"*40}', commitOid='a'*40))
        if what == 'settings':
            asked = json.loads(body)
            repo['private'] = asked.get('private', asked.get('visibility') != 'public')
            return self.answer()
        if '/tree/' in path:
            listed = []
            for name, data in repo['files'].items():
                oid = hashlib.sha1(data).hexdigest()
                listed.append(dict(type='file', path=name, size=len(data), oid=oid))
            return self.answer(listed)
        if '/resolve/' in path:
            data = repo['files'].get(path.split('/resolve/')[1].split('/', 1)[1])
            if data is None:
                return self.answer(dict(error='Entry not found'), 404, X_Error_Code='EntryNotFound')
            return self.answer(data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit='a'*40)
        siblings = [dict(rfilename=name) for name in repo['files']]
        return self.answer(dict(id=id, modelId=id, sha='a'*40, private=repo['private'], siblings=siblings,
                                tags=[], downloads=0, likes=0))

    def on_kaggle(self, what, asked):
        "Kaggle: the model, its variation, its versions, files."
        host = f'http://{self.headers["Host"]}'
        kept = self.kaggle
        made = dict(id=7, url='https://www.kaggle.com/models/ada/x', ref='ada/x', error='')
        if what == 'StartBlobUpload':
            token = f'{len(self.blobs)}-{asked["name"]}'
            return self.answer(dict(token=token, createUrl=f'{host}/upload/{token}'))
        if what == 'CreateModel':
            kept['model'] = asked
        if what == 'UpdateModel':
            kept['update'] = asked
        if what in ('CreateModelInstance', 'CreateModelInstanceVersion'):
            body = asked.get('body', asked)
            kept.setdefault('versions', []).append([file['token'] for file in body.get('files', [])])
            if what == 'CreateModelInstance':
                kept['instance'] = asked
        known = dict(GetModel='model', GetModelInstance='instance')
        if what in known and known[what] not in kept:
            return self.answer(dict(code=404, message='Not found'), 404)
        return self.answer(made)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
place = f'http://127.0.0.1:{server.server_port}'
home = Path(tempfile.mkdtemp())
os.environ |= dict(
    KAGGLE_API_ENVIRONMENT='LOCALHOST', KAGGLE_USERNAME='ada', KAGGLE_KEY='secret-k', KAGGLE_API_TOKEN='',
    KAGGLE_API_V1_TOKEN='', HOME=str(home), HF_HOME=str(home/'hf'), HF_ENDPOINT=place, HF_TOKEN='hf_secret',
    HF_HUB_DISABLE_XET='1', HF_HUB_DISABLE_TELEMETRY='1', TMPDIR=str(home))
os.environ |= dict.fromkeys(['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'], place)   # no way out
os.environ |= dict.fromkeys(['no_proxy', 'NO_PROXY'], '')

import huggingface_hub
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from cityseg import client
from cityseg.cli import main
from cityseg.config import recipe
from cityseg.core import read_json, write_json
from cityseg.data import find_root
from cityseg.model import build_model, save_model
from cityseg.publishing import make_publication, parse_target
from cityseg.session import find_run
from cityseg.toycity import toy_city

client._PAUSES = (0,)


def shell(*words):
    "What `cityseg WORDS` prints, and its exit status; without the name of the temporary folder."
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main([str(word) for word in words])
    return printed.getvalue().replace(f'{home}/', '').strip(), status


def fails(contains, *words):
    "A verb that must fail, in one sentence that says why, and tells no secret."
    text, status = shell(*words)
    text = text.splitlines()[-1]
    assert status == 1 and contains in text and 'Traceback' not in text and 'secret' not in text, text


def a_run(out):
    "A run folder, as of a short training on this machine: its settings name places of here."
    tiny = recipe('cpu', encoder='resnet18', encoder_weights='none')
    save_model(build_model(tiny), out/'best')
    places = dict(start=str(home/'other'), store=str(home/'store'))
    write_json(out/'run.json', dict(tiny.to_dict(), **places))
    row = dict(iteration=4, loss=1.5, miou=.25, iou=dict(road=.5, sky=float('nan')), seconds=60)
    (out/'history.jsonl').write_text(json.dumps(row) + '\n')
    return out


def a_graph(model, folder, out, listed):
    "Instead of an export, which takes its time: a graph of the same inputs and outputs."
    images = helper.make_tensor_value_info('images', TensorProto.UINT8, ['batch', 'height', 'width', 3])
    train_ids = helper.make_tensor_value_info('train_ids', TensorProto.INT64, ['batch', 'height', 'width'])
    logits = helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['batch', 3, 'height', 'width'])
    nodes = [helper.make_node('Cast', ['images'], ['floats'], to=TensorProto.FLOAT),
             helper.make_node('ArgMax', ['floats'], ['train_ids'], axis=3, keepdims=0),
             helper.make_node('Transpose', ['floats'], ['logits'], perm=[0, 3, 1, 2])]
    graph = helper.make_graph(nodes, 'colours', [images], [train_ids, logits])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8), out)


def files_of(folder):
    "{name: bytes} of a folder."
    return {path.name: path.read_bytes() for path in folder.rglob('*.*') if path.is_file()}


def masks(source):
    "What a model makes of the photo."
    with tempfile.TemporaryDirectory() as out:
        text, status = shell('predict', source, home/'photos', '--out', out)
        assert status == 0, text
        return {path.name: path.read_bytes() for path in Path(out).glob('*.png')}


def written_before(source, folder, target):
    "The dry run's folder once more, in no time."
    shutil.copytree(home/f'dry_{target.hub}', folder, dirs_exist_ok=True)


def nothing_is_sent():
    "A dry run writes what would go, with no word of this machine in it."
    for hub in ('hf', 'kaggle'):
        words = *here, f'{hub}:ada/cityseg-drawn', '--dry-run', home/f'dry_{hub}'
        text, status = shell(*words)
        assert status == 0 and 'nothing was sent' in text, text
        for name, data in files_of(home/f'dry_{hub}').items():
            assert str(home).encode() not in data and b'secret' not in data, name
        fails('holds files already', *words)
    assert Hub.seen == []


def to_hugging_face():
    "All in one commit, private until it is asked to be shown; a second time is a new version."
    text, status = shell(*here, 'hf:ada/cityseg-drawn')
    assert status == 0 and text.splitlines()[-1].endswith('ada/cityseg-drawn'), text
    repo = Hub.repos['ada/cityseg-drawn']
    sent = {name: data for name, data in repo['files'].items() if name != '.gitattributes'}
    assert sent == files_of(home/'dry_hf') and repo['private']
    assert sum('/commit/' in path for _, path in Hub.seen) == 1
    _, status = shell(*here, 'hf:ada/cityseg-drawn', '--public')
    assert status == 0 and not repo['private']
    assert masks('ada/cityseg-drawn') == masks(run) != {}


def lines_of_the_card():
    "The three lines, each time, do what they say."
    body = Hub.repos['ada/cityseg-drawn']['files']['README.md'].decode()
    scope = dict(photos=np.zeros((1, 128, 256, 3), np.uint8), x=torch.zeros(1, 3, 64, 64))
    parts = re.findall(r'```python\n(.*?)```', body, re.S)
    assert len(parts) == 2
    for part in parts:
        assert len(part.splitlines()) == 3
        exec(part, scope)
    assert scope['logits'].shape == (1, 3, 128, 256) and scope['model'](scope['x']).shape == (1, 19, 64, 64)


def what_goes_wrong_there():
    "A sentence each; of what fails half-way nothing is there."
    fails('write hf:OWNER/NAME', *here, 'ada/x')
    fails('is no name for a model', *here, 'hf:ada/a--b')
    refusals = (('/repos/create', 403, 'name your own account'), ('/commit/', 403, 'name your own account'),
                ('/blob/', 400, 'do it again'))
    for part, status, words in refusals:
        Hub.refuse = {part: status}
        fails(words, *here, f'hf:ada/y{status}')
    assert Hub.repos['ada/y400']['files'] == {}
    Hub.refuse = {}
    with patch.object(huggingface_hub, 'get_token', lambda: None):
        fails('hf auth login', *here, 'hf:ada/x')
    with patch.object(huggingface_hub.HfApi, 'create_repo', side_effect=ConnectionError('no route to host')):
        fails('look at the network', *here, 'hf:ada/x')


def arrived(number):
    "The files of a version on Kaggle."
    return {token.split('-', 1)[1]: Hub.blobs[token] for token in Hub.kaggle['versions'][number]}


def to_kaggle():
    "A model and its variation, private until it is asked to be shown; a second time is a new version."
    Hub.blobs.clear()
    text, status = shell(*here, 'kaggle:ada/cityseg-drawn')
    assert status == 0 and text.endswith('https://www.kaggle.com/models/ada/cityseg-drawn'), text
    written = files_of(home/'dry_kaggle')
    page = json.loads(written.pop('model-metadata.json'))
    written.pop('model-instance-metadata.json')
    assert arrived(0) == written
    assert Hub.kaggle['model']['isPrivate'] and Hub.kaggle['model']['description'] == page['description']
    assert 'jpg)' not in page['description'] and page['description'].startswith('# cityseg-drawn')
    assert 'isPrivate' not in Hub.kaggle['update']['updateMask']
    text, status = shell(*here, 'kaggle:ada/cityseg-drawn', '--public')
    assert status == 0 and len(Hub.kaggle['versions']) == 2
    assert 'sPrivate' in str(Hub.kaggle['update']['updateMask'])


def as_kaggle_mounts_it():
    "It is found by the kernels and is a MODEL for every verb; its pictures are not taken for data."
    mounted = home/'kaggle/input'
    shutil.copytree(root, mounted/'datasets/ada/cityscapes')
    for place in ('cityseg-drawn/pytorch/default/1', 'models/ada/cityseg-drawn/pytorch/default/1'):
        shutil.rmtree(mounted/'cityseg-drawn', ignore_errors=True)
        (mounted/place).mkdir(parents=True)
        for name, data in arrived(1).items():
            (mounted/place/name).write_bytes(data)
        assert find_run([mounted]) == mounted/place and find_run([mounted], resume=True) is None
        assert find_root(mounted).places['images'].keys() == find_root(root).places['images'].keys()
        assert masks(mounted/place) == masks(run)


def what_goes_wrong_on_kaggle():
    "A sentence each."
    fails('small letters', *here, 'kaggle:ada/CitySeg')
    Hub.kaggle.clear()
    refusals = ('CreateModel', 403, 'name your own account'), ('/upload/', 400, 'publish again')
    for part, status, words in refusals:
        Hub.refuse = {part: status}
        fails(words, *here, 'kaggle:ada/cityseg-drawn')
    Hub.refuse = {}
    with patch.dict(os.environ, KAGGLE_USERNAME='', KAGGLE_KEY=''):
        fails('kaggle auth login', *here, 'kaggle:ada/cityseg-drawn')


def card_for(note, target='hf:ada/x'):
    "The card of the run, had it seen other frames; and its folder."
    (run/'data.txt').write_text(note)
    out = Path(tempfile.mkdtemp())/'card'
    no_export = patch('cityseg.publishing.export_model', side_effect=ValueError('not now'))
    with no_export, patch('cityseg.publishing._write_pictures'), contextlib.redirect_stderr(io.StringIO()):
        names = make_publication(run, out, parse_target(target))
    assert 'model.onnx' not in names
    return (out/'README.md').read_text(), out


def terms_and_scores():
    "Only on all of Cityscapes a score is official; other terms are named as far as they are known."
    first = 'aachen_000000_000019 on (checksum of all names: 12345678)'
    whole, _ = card_for(f'2,975 frames of 2048x1024 to train on and 500 to validate, from {first}')
    head = whole.split('---')[1]
    assert 'license_name: cityscapes\n' in head and 'mean_iou' in head and '**No commercial use**' in whole
    few, _ = card_for(f'2,975 frames of 2048x1024 to train on and 50 to validate, from {first}')
    assert 'model-index' not in few and 'no official score' in few and '**No commercial use**' in few
    other = '12 frames of 64x64 to train on and 1,500 to validate, from holiday on'
    text, out = card_for(other)
    assert 'other data' in text and 'model-index' not in text and (out/'LICENSE.md').exists()
    _, out = card_for(other, 'kaggle:ada/xy')
    assert read_json(out/'model-metadata.json')['title'] == 'xy model'
    assert 'NC 4.0' in read_json(out/'model-instance-metadata.json')['licenseName']


if __name__ == '__main__':
    root = toy_city(home/'city', size=(128, 256), train=1, val=1, test=0)
    (home/'photos').mkdir()
    shutil.copy(next(root.rglob('*leftImg8bit.png')), home/'photos'/'one.png')
    run = a_run(home/'run')
    here = 'publish', run, '--to'
    with patch('cityseg.publishing.export_model', a_graph):
        nothing_is_sent()
    with patch('cityseg.publishing.make_publication', written_before):
        to_hugging_face()
        lines_of_the_card()
        what_goes_wrong_there()
        own = str(Path(sys.executable).parent)
        if shutil.which('kaggle', path=os.pathsep.join([own, os.environ['PATH']])):
            to_kaggle()
            as_kaggle_mounts_it()
            what_goes_wrong_on_kaggle()
        else:
            print('no kaggle client here: Kaggle is left out')
    terms_and_scores()
    shutil.rmtree(home)
    print('published, and loaded back')
