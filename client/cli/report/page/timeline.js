// The bars and the jobs at once, on two canvases with the same time. Ten thousand bars are drawn in a few milliseconds: of those that would
// share a pixel with one of the same colour, one is drawn.
const bars = byId('bars'), busy = byId('busy');
const view = { from: 0, to: run.length };
const LEFT = 34, RIGHT = 8, TOP = 18, BUSY_HEIGHT = 92;
let chosen = null;

const rows = Array.from({ length: run.lanes }, () => []);
const ran = [...jobs, ...earlier].filter((job) => job.start >= 0).sort((one, other) => one.start - other.start || one.at - other.at);
for (const job of ran) rows[job.lane].push(job);
ran.forEach((job, position) => { job.position = position; });

const laneHeight = () => Math.max(5, Math.min(26, Math.floor(420 / Math.max(1, run.lanes))));
const width = () => bars.clientWidth - LEFT - RIGHT;
const toX = (us) => LEFT + (us - view.from) / (view.to - view.from) * width();
const toTime = (x) => view.from + (x - LEFT) / width() * (view.to - view.from);

function prepare(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, canvas.clientWidth, height);
  pen.font = '11px system-ui, sans-serif';
  return pen;
}

function step() {
  const wanted = (view.to - view.from) / Math.max(2, width() / 90);
  const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500].map((ms) => ms * 1e3)
    .concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((s) => s * 1e6));
  return nice.find((each) => each >= wanted) || Math.ceil(wanted / 86400e6) * 86400e6;
}

function label(us, each) {
  const seconds = us / 1e6;
  if (each < 1e6) return `${seconds.toFixed(each < 1e4 ? 3 : each < 1e5 ? 2 : 1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${each < 60e6 ? String(Math.round(seconds % 60)).padStart(2, '0') + 's' : ''}`;
  const minutes = Math.floor(seconds % 3600 / 60);
  return `${Math.floor(seconds / 3600)}h${minutes || each < 3600e6 ? String(minutes).padStart(2, '0') + 'm' : ''}`;
}

function drawGrid(pen, height, withLabels) {
  const each = step();
  pen.fillStyle = colour('--quiet');
  pen.strokeStyle = colour('--line');
  pen.textAlign = 'center';
  for (let at = Math.ceil(view.from / each) * each; at <= view.to; at += each) {
    const x = Math.round(toX(at)) + .5;
    pen.beginPath(); pen.moveTo(x, withLabels ? TOP - 3 : 0); pen.lineTo(x, height); pen.stroke();
    if (withLabels) pen.fillText(label(at, each), Math.min(x, bars.clientWidth - 16), 11);
  }
}

function drawBars() {
  const tall = laneHeight(), height = TOP + Math.max(1, run.lanes) * tall + 2, pen = prepare(bars, height);
  drawGrid(pen, height, true);
  pen.save();
  pen.beginPath(); pen.rect(LEFT, 0, width(), height); pen.clip();
  const gap = tall > 8 ? 2 : 1;
  // Behind the bars, so that names can be read; those of the chosen job in front.
  if (run.after.length <= 400) drawEdges(pen, tall, run.after);
  // What failed is drawn last, and so is never hidden behind what did not.
  for (const kind of [0, 7, 6, 4, 3, 5, 2, 1]) {
    pen.fillStyle = colour(COLOURS[kind]);
    for (let lane = 0; lane < rows.length; lane += 1) {
      let last = -1;
      for (const job of rows[lane]) {
        if (job.kind !== kind || job.end < view.from) continue;
        if (job.start > view.to) break;
        const x = Math.max(LEFT - 2, toX(job.start)), wide = Math.max(1.2, Math.min(toX(job.end), LEFT + width() + 2) - x);
        if (wide < 2 && Math.floor(x) === last) continue;
        last = Math.floor(x);
        pen.fillRect(x, TOP + lane * tall + gap / 2, wide > 4 ? wide - .8 : wide, tall - gap);
      }
    }
  }
  if (tall >= 15) drawNames(pen, tall);
  if (chosen) {
    drawEdges(pen, tall, run.after.filter((edge) => edge.includes(chosen.at)), true);
    const x = toX(chosen.start);
    pen.strokeStyle = colour('--mark'); pen.lineWidth = 2;
    pen.strokeRect(x - 1, TOP + chosen.lane * tall, Math.max(3, toX(chosen.end) - x) + 2, tall - 1);
  }
  pen.restore();
  pen.fillStyle = colour('--quiet'); pen.textAlign = 'right';
  const every = Math.ceil(14 / tall);
  for (let lane = 0; lane < run.lanes; lane += every) pen.fillText(String(lane + 1), LEFT - 6, TOP + lane * tall + tall / 2 + 4);
}

function drawNames(pen, tall) {
  pen.fillStyle = colour('--on'); pen.textAlign = 'left';
  for (const job of ran) {
    if (job.end < view.from || job.start > view.to) continue;
    const x = Math.max(LEFT, toX(job.start)), wide = Math.min(toX(job.end), LEFT + width()) - x;
    if (wide < 34) continue;
    pen.save();
    pen.beginPath(); pen.rect(x, TOP + job.lane * tall, wide - 4, tall); pen.clip();
    pen.fillText(title(job), x + 4, TOP + job.lane * tall + tall / 2 + 4);
    pen.restore();
  }
}

function drawEdges(pen, tall, edges, isMarked = false) {
  const middle = (job) => TOP + job.lane * tall + tall / 2;
  for (const [first, second] of edges) {
    const from = jobs[first], to = jobs[second];
    if (from.start < 0 || to.start < 0) continue;
    const [x, y] = [toX(from.end), middle(from)], [toXx, toY] = [toX(to.start), middle(to)], bend = Math.max(6, Math.abs(toXx - x) / 2);
    pen.strokeStyle = colour(isMarked ? '--mark' : '--quiet');
    pen.globalAlpha = isMarked ? 1 : .6;
    pen.lineWidth = isMarked ? 2 : 1;
    pen.beginPath(); pen.moveTo(x, y); pen.bezierCurveTo(x + bend, y, toXx - bend, toY, toXx, toY); pen.stroke();
    pen.globalAlpha = 1;
  }
}

function drawBusy() {
  const pen = prepare(busy, BUSY_HEIGHT), parts = run.busy.length, most = Math.max(1, run.lanes, ...run.busy);
  drawGrid(pen, BUSY_HEIGHT - 2, false);
  const y = (count) => BUSY_HEIGHT - 3 - count / most * (BUSY_HEIGHT - 18);
  pen.save();
  pen.beginPath(); pen.rect(LEFT, 0, width(), BUSY_HEIGHT); pen.clip();
  pen.beginPath(); pen.moveTo(toX(0), y(0));
  run.busy.forEach((count, part) => { pen.lineTo(toX(part / parts * run.length), y(count)); pen.lineTo(toX((part + 1) / parts * run.length), y(count)); });
  pen.lineTo(toX(run.length), y(0)); pen.closePath();
  pen.fillStyle = colour('--busy'); pen.fill();
  pen.restore();
  pen.fillStyle = colour('--quiet'); pen.textAlign = 'right';
  pen.fillText(String(most), LEFT - 6, y(most) + 4);
  pen.fillText('0', LEFT - 6, y(0));
  pen.textAlign = 'left';
  pen.fillText('jobs at once', LEFT + 1, 9);
}

let isDue = false;
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => { isDue = false; drawBars(); drawBusy(); });
}

function show(from, to) {
  const least = Math.max(20, run.length / 1e5), long = Math.min(run.length, Math.max(least, to - from));
  view.from = Math.max(0, Math.min(from, run.length - long));
  view.to = view.from + long;
  draw();
}

function zoom(factor, around = (view.from + view.to) / 2) { show(around - (around - view.from) * factor, around + (view.to - around) * factor); }

function describe(job) {
  const parts = [`${run.kinds[job.kind]}: ${job.said}`];
  if (job.start >= 0) parts.push(`started ${clock(job.start)}, after ${span(Math.max(0, job.start - job.queued))} in the queue`, `took ${span(lasted(job))}`, `row ${job.lane + 1}`);
  if (job.cpu) parts.push(`${span(job.cpu)} of CPU`);
  if (job.memory) parts.push(size(job.memory));
  if (job.attempt > 1 || job !== jobs[job.at]) parts.push(`attempt ${job.attempt}`);
  const names = (list) => list.slice(0, 5).map((at) => title(jobs[at])).join(', ') + (list.length > 5 ? ` and ${list.length - 5} more` : '');
  if (before.has(job.at)) parts.push(`after ${names(before.get(job.at))}`);
  if (behind.has(job.at)) parts.push(`before ${names(behind.get(job.at))}`);
  return parts.join('; ');
}

function choose(job, isShown) {
  chosen = job;
  byId('chosen').replaceChildren(make('b', {}, title(job)), ' ', make('code', {}, job.id.slice(0, 8)), make('br'), describe(job));
  if (isShown && job.start >= 0 && (job.end < view.from || job.start > view.to)) {
    const half = (view.to - view.from) / 2;
    show(job.start - half, job.start + half);
  }
  draw();
}

function jobAt(event) {
  const box = bars.getBoundingClientRect(), lane = Math.floor((event.clientY - box.top - TOP) / laneHeight());
  if (!rows[lane]) return null;
  const at = toTime(event.clientX - box.left), slack = 4 / width() * (view.to - view.from), row = rows[lane];
  let low = 0, high = row.length;
  while (low < high) { const middle = (low + high) >> 1; if (row[middle].start <= at) low = middle + 1; else high = middle; }
  const near = [row[low - 1], row[low]].filter((job) => job && job.start - slack <= at && at <= job.end + slack);
  const distance = (job) => Math.max(job.start - at, at - job.end, 0);
  return near.sort((one, other) => distance(one) - distance(other))[0] || null;
}

function beside(job, lanes) {
  const row = rows[job.lane + lanes];
  return row && row.reduce((best, one) => (Math.abs(one.start - job.start) < Math.abs(best.start - job.start) ? one : best));
}

const KEYS = {
  ArrowRight: () => ran[chosen ? Math.min(ran.length - 1, chosen.position + 1) : 0],
  ArrowLeft: () => ran[chosen ? Math.max(0, chosen.position - 1) : 0],
  ArrowDown: () => (chosen ? beside(chosen, 1) : ran[0]),
  ArrowUp: () => (chosen ? beside(chosen, -1) : ran[0]),
  Home: () => ran[0],
  End: () => ran[ran.length - 1],
};

function listen() {
  let held = null;
  bars.addEventListener('pointerdown', (event) => { held = { x: event.clientX, from: view.from, to: view.to }; bars.setPointerCapture(event.pointerId); });
  bars.addEventListener('pointermove', (event) => {
    if (held && Math.abs(event.clientX - held.x) > 3) {
      const moved = (event.clientX - held.x) / width() * (held.to - held.from);
      show(held.from - moved, held.to - moved);
      return;
    }
    const job = jobAt(event);
    if (job && job !== chosen) choose(job, false);
  });
  bars.addEventListener('pointerup', (event) => { held = null; const job = jobAt(event); if (job) choose(job, false); });
  bars.addEventListener('pointercancel', () => { held = null; });
  bars.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : .8, toTime(event.offsetX));
  }, { passive: false });
  bars.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const around = chosen ? chosen.start : undefined;
    if (event.key === '+') zoom(.5, around);
    else if (event.key === '-') zoom(2, around);
    else if (event.key === '0') show(0, run.length);
    else if (KEYS[event.key]) { const job = KEYS[event.key](); if (job) choose(job, true); } else return;
    event.preventDefault();
  });
  byId('in').addEventListener('click', () => zoom(.5));
  byId('out').addEventListener('click', () => zoom(2));
  byId('whole').addEventListener('click', () => show(0, run.length));
  new ResizeObserver(draw).observe(bars);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}
