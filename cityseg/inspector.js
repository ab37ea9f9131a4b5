'use strict'

const $ = id => document.getElementById(id)
const DATA = JSON.parse($('data').textContent)
const CLASSES = DATA.classes.map(row => ({...row, color: row.colors[0]}))
const N_CLASSES = CLASSES.length
const VOID = 255
const WITH_NOTE = 'with a note'
const canvas = $('canvas')
const context = canvas.getContext('2d')

// What is shown, and how; the zoom's centre and the mark are fractions of the frame
const state = {
  listed: [], frame: null, view: 'overlay', hidden: new Set(), seen: new Set(), notes: DATA.notes,
  zoom: 1, x: .5, y: .5, mark: null, sortClass: 0, confusion: null, segment: null,
}
let picture = null  // the decoded frame that is shown: {frame, photo, label, predictions, confidence, segments}
let layers = {}     // its painted label maps, by view and run
let recent = []     // the frames that were decoded last
let grip = null     // where a drag began

// Small helpers

const bound = (value, low, high) => Math.min(high, Math.max(low, value))
const percent = value => value == null ? '-' : (100 * value).toFixed(1)
const signed = value => value == null ? '-' : (value < 0 ? '\u2212' : '+') + percent(Math.abs(value))
const css = color => `rgb(${color})`
const pixel = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0  // as a Uint32Array has it
const className = trainId => trainId === VOID ? 'void (not scored)' : CLASSES[trainId].name
const count = (number, what) => `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`

function element(tag, content, attributes = {}) {  // text is only ever put in as text
  const made = document.createElement(tag)
  made.append(...[content].flat())
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('--')) made.style.setProperty(name, value)
    else made.setAttribute(name, value)
  }
  return made
}

function swatch(trainId) {
  const color = trainId === VOID ? '#222' : css(CLASSES[trainId].color)
  return element('span', '', {class: 'swatch', '--color': color})
}

function download(blob, name) {
  const link = element('a', '', {href: URL.createObjectURL(blob), download: name})
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}

// What is large, photo and label maps, is a frame's tile: JSON in the page, or a script beside it that calls `tile`.
// It is read when the frame is to be shown. Label maps are rows minus the row above, deflated: exact, whatever the
// screen's colours

const waiting = {}  // of tiles that a script is to bring, by number
const tile = (number, parts) => waiting[number](parts)

function readTile(number) {
  const inPage = $(`tile-${number}`)
  if (inPage) return JSON.parse(inPage.textContent)
  return new Promise((resolve, reject) => {
    waiting[number] = resolve
    const script = element('script', '', {src: `tiles/${number}.js`})
    script.onerror = () => reject(new Error(`tiles/${number}.js is missing`))
    script.onload = () => script.remove()
    document.head.append(script)
  })
}

async function unpack(text, width) {
  if (!text) return null
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))
  const ids = new Uint8Array(await new Response(stream).arrayBuffer())
  for (let i = width; i < ids.length; i++) ids[i] += ids[i - width]
  return ids
}

async function decode(frame) {
  const parts = await readTile(DATA.frames.indexOf(frame))
  const photo = Object.assign(new Image(), {src: parts.photo})
  const maps = [parts.label, parts.prediction, parts.other, parts.confidence]
  const decoded = await Promise.all([photo.decode(), ...maps.map(text => unpack(text, frame.width))])
  const [, label, prediction, other, confidence] = decoded
  return {frame, photo, label, predictions: [prediction, other], confidence, segments: parts.segments}
}

function load(frame) {  // the last 12 frames stay decoded
  recent = [frame, ...recent.filter(one => one !== frame)]
  for (const old of recent.splice(12)) delete old.decoded
  return frame.decoded ??= decode(frame)
}

// Frames: search, sort, list

const SORTS = {  // name: the number by which the smallest comes first
  'name': frame => 0,
  'worst mIoU': frame => frame.miou ?? 2,
  'worst IoU of': frame => frame.iou[state.sortClass] ?? 2,
  'largest share of': frame => -frame.share[state.sortClass],
  'confusion of': frame => -confused(frame),
  'loss to second run': frame => frame.gain ?? 2,
}

function sortText(frame, by) {  // the number, or nothing where none is known
  const scored = (value, text) => value == null ? '' : text(value)
  if (by === 'worst IoU of') return scored(frame.iou[state.sortClass], percent)
  if (by === 'largest share of') return percent(frame.share[state.sortClass]) + '%'
  if (by === 'confusion of') return confused(frame).toLocaleString('en')
  if (by === 'loss to second run') return scored(frame.gain, signed)
  return scored(frame.miou, percent)
}

function fits(frame, ofAnyConfusion = false) {
  const note = state.notes[frame.name] ?? ''
  const text = `${frame.name} ${note}`.toLowerCase()
  const wanted = $('contains').value
  if ($('city').value && frame.city !== $('city').value) return false
  if (wanted === WITH_NOTE && !note) return false
  if (wanted && wanted !== WITH_NOTE && !frame.share[wanted]) return false
  if (state.confusion && !ofAnyConfusion && !confused(frame)) return false
  return $('search').value.toLowerCase().split(/\s+/).every(word => text.includes(word))
}

function listFrames() {
  const by = $('sort').value
  const byName = (a, b) => a.name < b.name ? -1 : 1
  state.sortClass = +$('sort-class').value
  if (by !== 'confusion of') state.sortBefore = by
  state.confusion = by === 'confusion of' ? [state.sortClass, +$('sort-predicted').value] : null
  $('sort-class').hidden = !by.endsWith(' of')
  $('sort-predicted').hidden = !state.confusion
  state.listed = DATA.frames.filter(frame => fits(frame)).sort((a, b) => SORTS[by](a) - SORTS[by](b) || byName(a, b))
  const count = `${state.listed.length} of ${DATA.frames.length}`
  $('count').textContent = state.listed.length === DATA.frames.length ? DATA.frames.length : count
  $('list').replaceChildren(...state.listed.map(frame => element('li', listRow(frame, by))))
  markCurrent()
  drawMatrix()
  drawConfused()
}

function listRow(frame, by) {
  const rest = frame.name.slice(frame.city.length + 1).replace('_', ' ')
  const noted = state.notes[frame.name]
  const spoken = [frame.name]
  if (frame.miou != null) spoken.push(`mean IoU ${percent(frame.miou)}`)
  if (noted) spoken.push('has a note')
  frame.row = element('button', [
    element('img', '', {src: frame.thumb, alt: '', decoding: 'async', loading: 'lazy'}),
    element('div', [
      element('b', frame.city, {'data-noted': noted ? ' \u270e' : ''}),
      element('span', rest, {class: 'soft'}),
    ]),
    element('span', sortText(frame, by)),
  ], {'aria-label': spoken.join(', '), tabindex: -1})
  frame.row.onclick = () => show(frame)
  return frame.row
}

function markCurrent() {
  // one stop for the tab key; arrows do the rest
  const stop = state.listed.includes(state.frame) ? state.frame : state.listed[0]
  for (const row of $('list').querySelectorAll('[tabindex="0"], [aria-current]')) {
    row.tabIndex = -1
    row.removeAttribute('aria-current')
  }
  if (stop) stop.row.tabIndex = 0
  if (!stop || stop !== state.frame) return
  stop.row.setAttribute('aria-current', true)
  stop.row.scrollIntoView({block: 'nearest'})
}

// Go to a frame

async function show(frame) {
  if (!frame) return
  const focused = document.activeElement?.closest('#list')
  state.frame = frame
  state.seen.add(frame)
  markCurrent()
  if (focused) frame.row?.focus()
  let decoded = {frame, predictions: []}
  let problem = frame.problem
  try {
    decoded = await load(frame)
  } catch (error) {
    problem = `This browser can't show the frame: ${error.message ?? error}`
  }
  if (state.frame !== frame) return  // meanwhile another one was asked for
  picture = decoded
  layers = {}
  $('problem').hidden = !problem
  $('problem').textContent = problem
  $('title').replaceChildren(element('h2', frame.name), element('span', scores(frame), {class: 'soft'}))
  $('text').value = state.notes[frame.name] ?? ''
  $('stage').style.setProperty('--shape', frame.width / frame.height)
  drawChips()
  fitCanvas()
  probe()
  const following = state.listed[state.listed.indexOf(frame) + 1]
  if (following && !state.segment) load(following).catch(() => {})  // a review goes its own way
}

function scores(frame) {
  const index = state.listed.indexOf(frame)
  const facts = []
  if (frame.miou != null) facts.push(`mean IoU ${percent(frame.miou)}`)
  if (frame.gain != null) facts.push(`${signed(frame.gain)} against ${DATA.runs[1]}`)
  if (frame.mean_confidence != null) facts.push(`confidence ${percent(frame.mean_confidence)}`)
  if (index >= 0) facts.push(`${index + 1} of ${state.listed.length}`)
  return facts.join(', ')
}

function step(by) {
  const index = state.listed.indexOf(state.frame) + by
  show(state.listed[bound(index, 0, state.listed.length - 1)])
}

function nextWorst() {
  const scored = state.listed.filter(frame => frame.miou != null).sort((a, b) => a.miou - b.miou)
  const isNew = frame => !state.seen.has(frame)
  if (!scored.some(isNew)) state.seen.clear()
  show(scored.find(isNew))
}

// Classes

function drawChips() {
  $('chips').replaceChildren(...CLASSES.map((_, trainId) => chip(state.frame, trainId)))
}

function chip(frame, trainId) {
  const {name, color} = CLASSES[trainId]
  const iou = frame.iou[trainId]
  const otherIou = frame.other_iou[trainId]
  const amount = shareText(frame, trainId)
  const known = frame.share[trainId] || iou != null
  const spoken = known ? describeClass(frame, trainId, amount) : amount
  const parts = [swatch(trainId), element('span', name)]
  if (known) {
    const gain = iou == null || otherIou == null ? null : iou - otherIou
    const gained = gain == null || !frame.share[trainId] ? [] : element('em', signed(gain), {class: gain < 0 ? 'down' : 'up'})
    parts.push(element('b', iou == null ? '' : [percent(iou), gained].flat()))
  }
  parts.push(element('span', amount, {class: 'soft'}))
  const button = element('button', parts, {
    'aria-pressed': !state.hidden.has(trainId), 'aria-label': `${name}, ${spoken}`, title: spoken,
    class: known ? '' : 'absent', '--color': css(color), '--iou': 100 * (iou ?? 0) + '%',
  })
  button.onclick = event => {
    if (event.shiftKey) hide([...CLASSES.keys()].filter(other => other !== trainId))
    else if (state.hidden.has(trainId)) hide([...state.hidden].filter(other => other !== trainId))
    else hide([...state.hidden, trainId])
    $('chips').children[trainId].focus()
  }
  return button
}

function shareText(frame, trainId) {
  const share = frame.share[trainId]
  if (share) return share < .0005 ? '<0.1%' : percent(share) + '%'
  if (frame.iou[trainId] != null) return 'pred. only'
  return frame.known ? 'absent' : 'not known'
}

function describeClass(frame, trainId, amount) {
  const other = frame.other_iou[trainId]
  const against = other == null ? '' : ` (${DATA.runs[1]}: ${percent(other)})`
  const where = frame.share[trainId] ? `${amount} of pixels` : 'predicted but not in the ground truth'
  return `IoU ${percent(frame.iou[trainId])}${against}, ${where}`
}

function recolour(palette) {  // one of DATA.palettes
  for (const row of CLASSES) row.color = row.colors[palette]
  layers = {}
  drawChips()
  drawMatrix()
  drawConfused()
  if (state.segment) drawReview()
  draw()
}

function hide(classes) {
  state.hidden = new Set(classes)
  layers = {}
  drawChips()
  draw()
}
