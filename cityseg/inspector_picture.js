// Views, as cityseg.frame_result draws them

function allows(view) {
  if (!picture) return true
  const {label, predictions: [prediction, other], confidence} = picture
  const known = {image: true, label, prediction, other, confidence, train_ids: label || prediction}
  return DATA.needs[view].every(what => known[what])
}

const shownView = () => [state.view, 'overlay', 'image'].find(allows)

function panels() {  // of what the view is made: {view, run, caption}
  const view = shownView()
  let made = [{view, run: 0, caption: ''}]
  if (view === 'side by side') {
    made = ['image', 'ground truth', 'prediction', 'errors'].map(view => ({view, run: 0, caption: view}))
  }
  if (view === 'two runs') {
    made = ['overlay', 'errors'].flatMap(view =>
      DATA.runs.map((name, run) => ({view, run, caption: `${name}: ${view}`})))
  }
  return made.filter(panel => allows(panel.view))
}

function chooseView(view) {
  if (DATA.views.includes(view) && allows(view)) state.view = view
  draw()
}

// Layers: a label map in colours, transparent where the photo is to be seen. Void is striped; of the errors, only
// wrong pixels are painted, in the predicted class's colour; 'outlines' are those of classes, 'edges' the band along
// the borders of the truth; 'confusion' leaves only the pixels of one

function layer(view, run) {
  return layers[view + run] ??= paintLayer(view, run)
}

function paintLayer(view, run) {
  const {frame: {width, height}, label, predictions} = picture
  const ids = view === 'ground truth' || !predictions[run] ? label : predictions[run]
  const made = Object.assign(document.createElement('canvas'), {width, height})
  const target = made.getContext('2d')
  const image = target.createImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  if (view === 'confidence') paintConfidence(pixels, ids)
  else if (view === 'errors') paintErrors(pixels, ids)
  else if (view === 'edges') paintEdges(pixels, ids)
  else if (view === 'confusion') paintDark(pixels, confusionMask())
  else paintClasses(pixels, ids, view === 'outlines')
  target.putImageData(image, 0, 0)
  return made
}

const isShown = trainId => trainId < N_CLASSES && !state.hidden.has(trainId)

function stripe(i) {  // void at pixel number i
  const {width, height} = picture.frame
  const stripeWidth = Math.max(3, Math.floor(height / 96))
  const x = i % width
  const y = (i - x) / width
  return Math.floor((x + y) / stripeWidth) % 2 ? pixel([72, 72, 72]) : pixel([16, 16, 16])
}

function paintConfidence(pixels, ids) {
  const colors = DATA.confidenceColors.map(pixel)
  for (let i = 0; i < pixels.length; i++) {
    if (isShown(ids[i])) pixels[i] = colors[picture.confidence[i]]
  }
}

function paintErrors(pixels, ids) {
  const colors = CLASSES.map(({color}) => pixel(color))
  const label = picture.label
  for (let i = 0; i < pixels.length; i++) {
    const predicted = ids[i]
    if (label[i] === VOID) pixels[i] = stripe(i)
    else if (predicted === label[i] || !isShown(predicted) && !isShown(label[i])) continue
    else pixels[i] = predicted < N_CLASSES ? colors[predicted] : stripe(i)
  }
}

function paintClasses(pixels, ids, edgesOnly) {
  const colors = CLASSES.map(({color}, trainId) => isShown(trainId) ? pixel(color) : 0)
  for (let i = 0; i < pixels.length; i++) {
    if (edgesOnly && !isEdge(ids, i)) continue
    if (ids[i] < N_CLASSES) pixels[i] = colors[ids[i]]
    else if (!state.hidden.size) pixels[i] = stripe(i)
  }
}

function paintEdges(pixels, ids) {
  const [right, wrong] = DATA.edgeColors.map(pixel)
  const label = picture.label
  const isNear = nearBorder(label, DATA.edgeWidth)
  for (let i = 0; i < pixels.length; i++) {
    if (isNear[i] && (isShown(label[i]) || isShown(ids[i]))) pixels[i] = ids[i] === label[i] ? right : wrong
  }
}

function nearBorder(ids, reach) {  // is another class within so many rows and columns? void is none
  const {width} = picture.frame
  const lowest = extremes(extremes(ids, Math.min, reach, 1), Math.min, reach, width)
  const above = ids.map(trainId => trainId + 1)  // 0 for void, as 255 is followed by 0 here
  const highest = extremes(extremes(above, Math.max, reach, 1), Math.max, reach, width)
  return ids.map((trainId, i) => trainId !== VOID && lowest[i] + 1 !== highest[i])
}

function extremes(ids, pick, reach, stride) {  // the lowest or highest within reach, in a row (stride 1) or a column
  const {width} = picture.frame
  const found = ids.slice()
  for (let i = 0; i < ids.length; i++) {
    const place = stride === 1 ? i % width : i
    const end = stride === 1 ? width : ids.length
    for (let by = stride; by <= reach * stride; by += stride) {
      if (place >= by) found[i] = pick(found[i], ids[i - by])
      if (place + by < end) found[i] = pick(found[i], ids[i + by])
    }
  }
  return found
}

function paintDark(pixels, mask) {
  for (let i = 0; i < pixels.length; i++) if (!mask[i]) pixels[i] = 0x98000000
}

function confusionMask() {  // the pixels of a class that are predicted as the other
  const [truth, predicted] = state.confusion
  const {label, predictions: [prediction]} = picture
  return label.map((trainId, i) => trainId === truth && prediction[i] === predicted)
}

function outline(mask) {  // of the pixels of a mask, as a path that any zoom draws sharply
  const {width, height} = picture.frame
  const path = new Path2D()
  const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] > 0
  const trace = (length, steps, isBorder, line) => {  // runs of borders as one line each
    for (let row = 0; row <= steps; row++) {
      for (let from = 0, to = 0; from < length; from = to + 1) {
        while (from < length && !isBorder(row, from)) from++
        for (to = from; to < length && isBorder(row, to);) to++
        if (to > from) line(row, from, to)
      }
    }
  }
  trace(width, height, (y, x) => at(x, y - 1) !== at(x, y), (y, from, to) => {
    path.moveTo(from, y)
    path.lineTo(to, y)
  })
  trace(height, width, (x, y) => at(x - 1, y) !== at(x, y), (x, from, to) => {
    path.moveTo(x, from)
    path.lineTo(x, to)
  })
  return path
}

function isEdge(ids, i) {  // is one of the four neighbours of another class?
  const {width, height} = picture.frame
  const x = i % width
  return x > 0 && ids[i - 1] !== ids[i] || x < width - 1 && ids[i + 1] !== ids[i]
    || i >= width && ids[i - width] !== ids[i] || i < width * (height - 1) && ids[i + width] !== ids[i]
}

// Canvas: one or more panels with the same zoom

function boxes() {  // the panels with their places on the canvas
  const all = panels()
  const several = all.length > 1
  const gap = several ? 6 * devicePixelRatio : 0
  const width = several ? (canvas.width - gap) / 2 : canvas.width
  const height = all.length > 2 ? (canvas.height - gap) / 2 : canvas.height
  const scale = Math.min(width / picture.frame.width, height / picture.frame.height) * state.zoom
  return all.map((panel, i) => {
    const left = (i % 2) * (width + gap)
    const top = Math.floor(i / 2) * (height + gap)
    return {...panel, left, top, width, height, scale, several}
  })
}

function draw() {
  const view = shownView()
  $('level').textContent = `${Math.round(100 * state.zoom)}%`
  $('legend').hidden = view !== 'confidence'
  $('edges-legend').hidden = view !== 'edges'
  for (const button of $('views').children) {
    button.setAttribute('aria-pressed', button.value === view)
    button.disabled = !allows(button.value)
  }
  canvas.setAttribute('aria-label', state.frame ? `${state.frame.name}, ${view}` : 'no frame')
  context.clearRect(0, 0, canvas.width, canvas.height)
  if (picture?.photo) boxes().forEach(drawPanel)
}

function drawPanel(box) {
  const {width, height} = picture.frame
  context.save()
  context.beginPath()
  context.rect(box.left, box.top, box.width, box.height)
  context.clip()
  context.translate(box.left + box.width / 2, box.top + box.height / 2)
  context.scale(box.scale, box.scale)
  context.translate(-state.x * width, -state.y * height)
  drawPhoto(box)
  drawLayers(box)
  drawRegion(box)
  drawMark(box)
  context.restore()
  if (box.several) drawCaption(box)
}

function drawPhoto({view, scale}) {
  const {width, height} = picture.frame
  const fill = (mode, color) => {
    context.globalCompositeOperation = mode
    context.fillStyle = color
    context.fillRect(0, 0, width, height)
  }
  context.imageSmoothingEnabled = scale < 3
  context.drawImage(picture.photo, 0, 0, width, height)
  if (view === 'confidence' || view === 'errors') fill('saturation', '#888')
  if (view === 'errors') fill('source-over', 'rgb(255 255 255 / 66.7%)')
  if (view === 'edges') fill('source-over', 'rgb(0 0 0 / 66.7%)')
  context.globalCompositeOperation = 'source-over'
}

function drawLayers({view, run, scale}) {
  if (view === 'image') return
  const fades = view === 'overlay' || view === 'confidence'
  const alpha = fades ? $('opacity').value / 100 : 1
  context.imageSmoothingEnabled = scale < 1
  context.globalAlpha = alpha
  context.drawImage(layer(view, run), 0, 0)
  context.globalAlpha = 1
  if (view === 'overlay' && alpha) context.drawImage(layer('outlines', run), 0, 0)
}

function drawRegion({scale}) {  // the segment under review, or else the pixels of a confusion
  const {frame, label, predictions: [prediction]} = picture
  const isReviewed = state.segment?.frame === frame.name && state.segment.mask
  if (!isReviewed && !(state.confusion && label && prediction && confused(frame))) return
  if (!isReviewed) context.drawImage(layer('confusion', 0), 0, 0)
  layers.region ??= outline(isReviewed || confusionMask())
  drawPath(layers.region, scale, [['#000', 4], ['#ffe600', 2]])
}

function drawMark({scale}) {
  if (!state.mark) return
  const {width, height} = picture.frame
  const circle = new Path2D()
  circle.arc(state.mark[0] * width, state.mark[1] * height, 7 * devicePixelRatio / scale, 0, 7)
  drawPath(circle, scale, [['#000a', 4], ['#fff', 1.6]])
}

function drawPath(path, scale, strokes) {  // [colour, thickness on the screen] each
  context.lineCap = 'square'
  for (const [color, thickness] of strokes) {
    context.strokeStyle = color
    context.lineWidth = thickness * devicePixelRatio / scale
    context.stroke(path)
  }
}

function drawCaption({left, top, caption}) {
  const ratio = devicePixelRatio
  context.font = `${12 * ratio}px system-ui, sans-serif`
  context.fillStyle = '#0c0e12c8'
  context.fillRect(left + 6 * ratio, top + 6 * ratio, context.measureText(caption).width + 12 * ratio, 20 * ratio)
  context.fillStyle = '#f2f4f8'
  context.fillText(caption, left + 12 * ratio, top + 20 * ratio)
}

function fitCanvas() {
  const box = canvas.getBoundingClientRect()
  canvas.width = Math.round(box.width * devicePixelRatio)
  canvas.height = Math.round(box.height * devicePixelRatio)
  draw()
}

// Zoom and probe

function locate(event) {  // the panel under the pointer, and the place in the frame
  if (!picture?.photo) return null
  const outline = canvas.getBoundingClientRect()
  const x = (event.clientX - outline.x) * devicePixelRatio
  const y = (event.clientY - outline.y) * devicePixelRatio
  const isIn = box => x >= box.left && y >= box.top && x <= box.left + box.width && y <= box.top + box.height
  const box = boxes().find(isIn)
  if (!box) return null
  const across = state.x + (x - box.left - box.width / 2) / box.scale / picture.frame.width
  const down = state.y + (y - box.top - box.height / 2) / box.scale / picture.frame.height
  return {box, place: [across, down]}
}

function moveTo(x, y) {
  const half = .5 / state.zoom
  state.x = bound(x, half, 1 - half)
  state.y = bound(y, half, 1 - half)
  draw()
}

function zoomBy(factor, [x, y] = state.mark ?? [state.x, state.y]) {  // this place stays where it is
  const before = state.zoom
  state.zoom = bound(before * factor, 1, 40)
  const shrunk = before / state.zoom
  moveTo(x + (state.x - x) * shrunk, y + (state.y - y) * shrunk)
}

function showAll() {
  state.mark = null
  state.zoom = 1
  moveTo(.5, .5)
  probe()
}

function nudge([dx, dy]) {  // the mark, by a fiftieth of what is seen
  if (!picture?.photo) return
  const {width, height} = picture.frame
  const [x, y] = state.mark ?? [state.x, state.y]
  const by = .02 / state.zoom
  const half = .45 / state.zoom
  const across = bound(x + dx * by, 0, .9999)
  const down = bound(y + dy * by * width / height, 0, .9999)
  state.mark = [across, down]
  moveTo(bound(state.x, across - half, across + half), bound(state.y, down - half, down + half))
  probe()
}

function probe(place = state.mark, pointer = null) {  // say what is at a place of the frame
  const [facts, sure] = probed(place)
  const said = facts.map(([what, trainId]) => `${what}: ${className(trainId)}`)
  $('probe').textContent = [...said, sure].filter(Boolean).join(', ')
  $('tip').hidden = !facts.length || !pointer
  if ($('tip').hidden) return
  const lines = facts.map(([what, trainId]) =>
    element('div', [element('i', what), swatch(trainId), className(trainId)]))
  $('tip').replaceChildren(...lines, sure)
  placeTip(pointer)
}

function probed(place) {  // [[[what, trainId], ...], how sure the model is]
  if (!picture?.photo || !place || !place.every(part => part >= 0 && part < 1)) return [[], '']
  const {frame: {width, height}, label, predictions: [prediction, other], confidence} = picture
  if (!label && !prediction) return [[], '']
  const i = Math.floor(place[1] * height) * width + Math.floor(place[0] * width)
  const maps = [['truth', label], [other ? DATA.runs[0] : 'predicted', prediction], [DATA.runs[1], other]]
  const facts = maps.filter(([, ids]) => ids).map(([what, ids]) => [what, ids[i]])
  return [facts, confidence ? `${percent(confidence[i] / 63)}% sure` : '']
}

function placeTip(pointer) {  // beside the pointer, and within the picture
  const outline = $('stage').getBoundingClientRect()
  const tip = $('tip')
  const x = pointer.clientX - outline.x
  const y = pointer.clientY - outline.y
  tip.style.left = (x > outline.width - 220 ? x - 14 - tip.offsetWidth : x + 16) + 'px'
  tip.style.top = (y > outline.height - 70 ? y - 12 - tip.offsetHeight : y + 16) + 'px'
}

// Pointer

canvas.onpointerdown = event => {
  grip = locate(event) && [event.clientX, event.clientY]
  canvas.setPointerCapture(event.pointerId)
}

canvas.onpointerup = canvas.onpointercancel = () => {
  grip = null
  canvas.classList.remove('drag')
}

canvas.onpointerleave = () => {
  state.mark = null
  draw()
  probe()
}

canvas.onpointermove = event => {
  const found = locate(event)
  state.mark = found?.box.several ? found.place : null  // shown in every panel
  if (grip && found) {
    const perPixel = devicePixelRatio / found.box.scale
    const x = state.x - (event.clientX - grip[0]) * perPixel / picture.frame.width
    const y = state.y - (event.clientY - grip[1]) * perPixel / picture.frame.height
    moveTo(x, y)
    grip = [event.clientX, event.clientY]
    canvas.classList.add('drag')
  } else if (picture?.photo && panels().length > 1) {
    draw()
  }
  probe(found?.place ?? null, event)
}

function onWheel(event) {
  const found = locate(event)
  if (!found) return
  event.preventDefault()
  const speed = event.deltaMode ? .05 : .0016  // lines or pixels
  zoomBy(Math.exp(-event.deltaY * speed), found.place)
  probe(locate(event).place, event)
}
canvas.addEventListener('wheel', onWheel, {passive: false})

