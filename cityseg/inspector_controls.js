// Controls

const option = (text, value) => element('option', text, {value})
const classOptions = text => CLASSES.map(({name}, trainId) => option(text + name, trainId))

for (const view of DATA.views) {
  const name = view[0].toUpperCase() + view.slice(1)
  const button = element('button', name, {value: view, title: `Key ${1 + DATA.views.indexOf(view)}`})
  button.onclick = () => chooseView(view)
  $('views').append(button)
}
const cities = [...new Set(DATA.frames.map(frame => frame.city))].sort()
$('city').append(option('All cities', ''), ...cities.map(city => option(city, city)))
$('contains').append(option('Any class', ''), option('With a note', WITH_NOTE), ...classOptions('With '))
const impossible = [
  DATA.views.includes('two runs') ? '' : 'loss to second run',
  DATA.frames.some(frame => frame.confusion.length) ? '' : 'confusion of',
]
const sorts = Object.keys(SORTS).filter(by => !impossible.includes(by))
$('sort').append(...sorts.map(by => option(`Sort by ${by}`, by)))
$('sort-class').append(...classOptions(''))
$('sort-predicted').append(...classOptions('as '))
for (const id of ['sort', 'sort-class', 'sort-predicted', 'city', 'contains']) $(id).onchange = listFrames
$('search').oninput = listFrames

$('previous').onclick = () => step(-1)
$('next').onclick = () => step(1)
$('worst').onclick = nextWorst
$('worst').disabled = DATA.frames.every(frame => frame.miou == null)
$('opacity').oninput = () => {  // opacity is of colours over the photo: moving it shows them
  chooseView(['confidence', 'two runs'].includes(shownView()) ? shownView() : 'overlay')
}
const scale = DATA.confidenceColors.filter((_, i) => i % 9 === 0).reverse().map(css)
$('scale').style.background = `linear-gradient(90deg, ${scale})`
$('in').onclick = () => zoomBy(1.4)
$('out').onclick = () => zoomBy(1 / 1.4)
$('level').onclick = showAll
$('all').onclick = () => hide([])
$('none').onclick = () => hide(CLASSES.keys())
$('palette').append(...DATA.palettes.map((name, palette) => option(name, palette)))
$('palette').onchange = () => recolour($('palette').value)
$('palette-label').hidden = DATA.palettes.length < 2
$('right').style.background = css(DATA.edgeColors[0])
$('wrong').style.background = css(DATA.edgeColors[1])
$('matrix-button').onclick = $('matrix-close').onclick = toggleMatrix
$('matrix-button').hidden = impossible.includes('confusion of')
$('cells').onkeydown = walkMatrix
$('clear').onclick = clearConfusion
$('theme').onclick = () => {
  const style = document.documentElement.style
  const isDark = style.colorScheme ? style.colorScheme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  style.colorScheme = isDark ? 'light' : 'dark'
}
$('save').onclick = () => {
  const name = `${state.frame.name}_${shownView().replaceAll(' ', '_')}.png`
  canvas.toBlob(blob => download(blob, name))
}

// Notes: those of the file that came with the page, then those made here, which this browser keeps for this page

const STORE = 'cityseg notes ' + location.pathname
try {
  state.notes = {...state.notes, ...JSON.parse(localStorage.getItem(STORE))}
} catch {}

function keepNote(name, text) {  // of a frame; or the verdict on a segment
  state.notes[name] = text
  try {
    localStorage.setItem(STORE, JSON.stringify(state.notes))
    $('kept').textContent = 'kept in this browser'
  } catch {
    $('kept').textContent = 'not kept: download them'
  }
}
$('text').oninput = () => keepNote(state.frame.name, $('text').value.trim())
$('text').onchange = listFrames
$('download').onclick = () => {
  const kept = Object.fromEntries(Object.entries(state.notes).filter(([, text]) => text))
  download(new Blob([JSON.stringify(kept, null, 1)], {type: 'application/json'}), 'notes.json')
}

// Keys

const ARROWS = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}
const KEYS = {
  'w': nextWorst,
  'm': toggleMatrix,
  'n': () => $('text').focus(),
  '/': () => $('search').focus(),
  '+': () => zoomBy(1.4),
  '=': () => zoomBy(1.4),
  '-': () => zoomBy(1 / 1.4),
  '0': showAll,
  'escape': leave,
}
if (SEGMENTS.length) Object.assign(KEYS, {'r': toggleReview, 'z': undo})
for (const [verdict, key] of Object.entries(DATA.verdicts)) KEYS[key] = () => state.segment && judge(verdict)
DATA.views.forEach((view, i) => KEYS[i + 1] = () => chooseView(view))
$('last').textContent = DATA.views.length

document.onkeydown = event => {
  const target = event.target
  const arrow = ARROWS[event.key]
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const entered = target === $('search') && event.key === 'Enter'
  if (entered) show(state.listed[0])
  if (entered || target.matches('input, select, textarea') && event.key === 'Escape') {
    target.blur()
    return
  }
  if (target.matches('[type=search], select, textarea')) return  // here keys write and choose
  if (target.type === 'range' && arrow) return
  let act = KEYS[event.key.toLowerCase()]
  if (arrow) act = () => event.shiftKey ? nudge(arrow) : (state.segment ? stepSegment : step)(arrow[0] + arrow[1])
  if (!act) return
  event.preventDefault()
  act()
}

// Begin, in the order that the page was written for; the address may name a frame and a view, as in
// page.html#NAME/errors

const opensReview = DATA.sort.by === 'review'
$('sort').value = opensReview ? 'name' : DATA.sort.by
if (!$('sort').value) $('sort').value = 'name'  // by what isn't known of these frames
$('sort-class').value = DATA.sort.trainId
$('sort-predicted').value = DATA.sort.predicted
new ResizeObserver(() => state.frame && fitCanvas()).observe($('stage'))
listFrames()
const [wanted, view] = location.hash.slice(1).replaceAll('%20', ' ').split('/')
if (DATA.views.includes(view)) state.view = view
if (opensReview && SEGMENTS.length && !wanted) {
  state.view = 'image'  // which has the last word
  toggleReview()
} else show(DATA.frames.find(frame => frame.name === wanted) ?? state.listed[0] ?? DATA.frames[0])
