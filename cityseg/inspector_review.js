// Confusion: which class is taken for which, in a table; a cell of it lists the frames, and shows the pixels.
// A frame has a Map of those cells that aren't zero: truth * N_CLASSES + predicted -> pixels

for (const frame of DATA.frames) frame.cells = new Map(frame.confusion)

function confused(frame) {  // pixels of the confusion that is looked at
  const [truth, predicted] = state.confusion
  return frame.cells.get(truth * N_CLASSES + predicted) ?? 0
}

function sumConfusion() {  // of the frames that fit, whatever their confusions
  const total = new Array(N_CLASSES ** 2).fill(0)
  for (const frame of DATA.frames.filter(frame => fits(frame, true))) {
    for (const [cell, pixels] of frame.cells) total[cell] += pixels
  }
  return total
}

function drawMatrix() {
  if ($('matrix').hidden) return
  const total = sumConfusion()
  const ids = [...CLASSES.keys()]
  const rowSums = ids.map(truth => total.slice(truth * N_CLASSES, (truth + 1) * N_CLASSES).reduce((a, b) => a + b))
  const isSeen = id => rowSums[id] || ids.some(truth => total[truth * N_CLASSES + id])
  const seen = ids.filter(isSeen)
  const frames = DATA.frames.filter(frame => frame.cells.size && fits(frame, true)).length
  $('matrix-about').textContent = `Of the pixels of a class (row), how many percent are predicted as which (column),
    in ${count(frames, 'frame')}. A click on a cell lists its frames and shows its pixels.`
  const head = element('tr', [
    element('td', ''),
    ...seen.map(id => element('th', element('div', [swatch(id), CLASSES[id].name]), {scope: 'col'})),
  ])
  const rows = seen.map(truth => element('tr', [
    element('th', [CLASSES[truth].name, swatch(truth)], {scope: 'row'}),
    ...seen.map(predicted => matrixCell(truth, predicted, total, rowSums[truth])),
  ]))
  $('cells').replaceChildren(element('thead', head), element('tbody', rows))
  const stop = $('cells').querySelector('[aria-pressed=true]') ?? $('cells').querySelector('button')
  if (stop) stop.tabIndex = 0
  drawMost(total)
}

function matrixCell(truth, predicted, total, all) {
  const pixels = total[truth * N_CLASSES + predicted]
  const share = all ? pixels / all : 0
  const isChosen = String(state.confusion) === String([truth, predicted])
  const spoken = `${describeConfusion(truth, predicted)}: ${percent(share)}%, ${count(pixels, 'pixel')}`
  const button = element('button', share >= .005 ? Math.round(100 * share) : '', {
    'aria-label': spoken, 'aria-pressed': isChosen, title: spoken, tabindex: -1, '--share': 100 * Math.sqrt(share) + '%',
    class: (truth === predicted ? 'correct' : '') + (share > .3 ? ' strong' : ''),
  })
  button.disabled = !pixels
  button.onclick = () => isChosen ? clearConfusion() : chooseConfusion(truth, predicted)
  return element('td', button)
}

function drawMost(total) {  // the six largest confusions
  const cells = [...total.keys()].filter(cell => total[cell] && cell % (N_CLASSES + 1))
  const most = cells.sort((a, b) => total[b] - total[a]).slice(0, 6)
  $('most').replaceChildren(...most.map(cell => {
    const pair = [Math.floor(cell / N_CLASSES), cell % N_CLASSES]
    const button = element('button', [confusionText(...pair), element('span', count(total[cell], 'pixel'), {class: 'soft'})])
    button.onclick = () => chooseConfusion(...pair)
    return element('li', button)
  }))
}

const describeConfusion = (truth, predicted) => `${CLASSES[truth].name} predicted as ${CLASSES[predicted].name}`
const confusionText = (truth, predicted) =>
  element('span', [swatch(truth), ' ', CLASSES[truth].name, ' \u2192 ', swatch(predicted), ' ', CLASSES[predicted].name])

function walkMatrix(event) {  // with arrows, as in a table of numbers
  const arrow = ARROWS[event.key]
  if (!arrow || event.shiftKey || !event.target.matches('td button')) return
  event.preventDefault()
  event.stopPropagation()
  const rows = [...$('cells').tBodies[0].rows].map(row => [...row.querySelectorAll('button')])
  let y = rows.findIndex(row => row.includes(event.target))
  let x = rows[y].indexOf(event.target)
  do {
    x += arrow[0]
    y += arrow[1]
  } while (rows[y]?.[x]?.disabled)
  const next = rows[y]?.[x]
  if (!next) return
  event.target.tabIndex = -1
  next.tabIndex = 0
  next.focus()
}

function chooseConfusion(truth, predicted) {
  $('sort').value = 'confusion of'
  $('sort-class').value = truth
  $('sort-predicted').value = predicted
  const focused = document.activeElement.closest('#cells')
  listFrames()
  if (focused) $('cells').querySelector('[aria-pressed=true]')?.focus()
  show(state.listed[0])
}

function clearConfusion() {
  $('sort').value = state.sortBefore ?? 'name'
  listFrames()
}

function drawConfused() {  // say what the list is of, above the picture
  $('confused').hidden = !state.confusion
  layers.confusion0 = layers.region = null
  if (picture) draw()
  if (!state.confusion) return
  const pixels = state.listed.reduce((sum, frame) => sum + confused(frame), 0)
  const amount = state.listed.length ? `${count(pixels, 'pixel')} in ${count(state.listed.length, 'frame')}` : 'in no frame'
  const text = confusionText(...state.confusion)
  $('confusion').replaceChildren(text, element('span', ` (truth \u2192 prediction), ${amount}`, {class: 'soft'}))
}

function toggleMatrix() {
  if ($('matrix-button').hidden) return
  $('matrix').hidden = !$('matrix').hidden
  document.body.classList.toggle('with-matrix', !$('matrix').hidden)
  $('matrix-button').setAttribute('aria-expanded', !$('matrix').hidden)
  drawMatrix()
  if ($('matrix').hidden) return $('matrix-button').focus()
  $('matrix').scrollIntoView({block: 'nearest'})
  $('cells').querySelector('[tabindex="0"]')?.focus({preventScroll: true})
}

// Review: from segment to segment, those first that a model contradicts most. A verdict is a note on the segment

const SEGMENTS = DATA.segments
const judgements = []  // [segment, the verdict before], the latest last, to undo

const verdictOf = segment => state.notes[segment.id] ?? ''
const frameOf = segment => DATA.frames.find(frame => frame.name === segment.frame)

for (const [verdict, key] of Object.entries(DATA.verdicts)) {
  const button = element('button', [`Label ${verdict} `, element('kbd', key.toUpperCase())], {value: verdict})
  button.onclick = () => judge(verdict)
  $('verdicts').append(button)
}
$('segment-back').onclick = () => stepSegment(-1)
$('segment-next').onclick = () => stepSegment(1)
$('undo').onclick = undo
$('leave').onclick = $('review-button').onclick = toggleReview
$('verdict-file').onclick = downloadVerdicts
$('review-button').hidden = $('review-key').hidden = !SEGMENTS.length

function toggleReview() {
  if (state.segment) leaveReview()
  else goToSegment(SEGMENTS.find(segment => !verdictOf(segment)) ?? SEGMENTS[0])
}

function leaveReview() {
  state.segment = null
  $('review').hidden = true
  $('review-button').setAttribute('aria-expanded', false)
  layers = {}
  showAll()
}

function leave() {  // what Esc does: one thing after the other
  if (state.segment) leaveReview()
  else if (state.confusion) clearConfusion()
  else if (!$('matrix').hidden) toggleMatrix()
}

async function goToSegment(segment) {
  state.segment = segment
  $('review').hidden = false
  $('review-button').setAttribute('aria-expanded', true)
  drawReview()
  const frame = frameOf(segment)
  await show(frame)
  if (picture?.segments?.[segment.id]) segment.mask ??= await unpack(picture.segments[segment.id], frame.width)
  if (state.segment !== segment || state.frame !== frame) return
  layers.region = null
  state.mark = null
  $('review').scrollIntoView({block: 'nearest'})
  const [left, top, right, bottom] = segment.box
  const [height, width] = segment.size
  state.zoom = bound(.5 / Math.max((right - left) / width, (bottom - top) / height), 1, 16)
  moveTo((left + right) / 2 / width, (top + bottom) / 2 / height)
  const following = SEGMENTS[SEGMENTS.indexOf(segment) + 1]
  if (following) load(frameOf(following)).catch(() => {})  // so that it is there when it is asked for
}

function stepSegment(by) {
  const index = SEGMENTS.indexOf(state.segment) + by
  goToSegment(SEGMENTS[bound(index, 0, SEGMENTS.length - 1)])
}

function judge(verdict) {  // and go on to the next one without a verdict
  const segment = state.segment
  judgements.push([segment, verdictOf(segment)])
  keepNote(segment.id, verdict)
  const index = SEGMENTS.indexOf(segment)
  const following = [...SEGMENTS.slice(index + 1), ...SEGMENTS.slice(0, index)]
  goToSegment(following.find(other => !verdictOf(other)) ?? segment)
}

function undo() {
  if (!judgements.length) return
  const [segment, before] = judgements.pop()
  keepNote(segment.id, before)
  goToSegment(segment)
}

function drawReview() {
  const segment = state.segment
  const judged = SEGMENTS.filter(verdictOf).length
  const facts = [
    `score ${segment.score.toFixed(2)}`, count(segment.area, 'pixel'), `${SEGMENTS.indexOf(segment) + 1} of ${SEGMENTS.length}`]
  $('segment').replaceChildren(
    element('div', ['Label: ', named(segment.given, segment.given_probability)]),
    element('div', ['Model: ', named(segment.suggested, segment.suggested_probability)]),
    element('div', facts.join(', '), {class: 'soft'}))
  for (const button of $('verdicts').children) {
    button.setAttribute('aria-pressed', button.value === verdictOf(segment))
  }
  $('judged').max = SEGMENTS.length
  $('judged').value = judged
  $('judged-text').textContent = `${judged} of ${SEGMENTS.length}`
  $('undo').disabled = !judgements.length
}

function named(name, probability) {  // a class with its colour and how probable the model finds it
  const trainId = CLASSES.findIndex(row => row.name === name)
  const parts = [swatch(trainId < 0 ? VOID : trainId), ' ', element('b', name)]
  if (trainId >= 0) parts.push(element('span', ` ${percent(probability)}% likely`, {class: 'soft'}))
  return element('span', parts)
}

function downloadVerdicts() {
  const cell = value => `"${String(value ?? '').replaceAll('"', '""')}"`
  const row = segment => DATA.columns.map(column => cell(column === 'verdict' ? verdictOf(segment) : segment[column]))
  const lines = [DATA.columns, ...SEGMENTS.map(row)].map(cells => cells.join(',') + '\n')
  download(new Blob(lines, {type: 'text/csv'}), 'verdicts.csv')
}
