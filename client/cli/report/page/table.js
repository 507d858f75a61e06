// The table: sorted by any column, searched in texts, a hundred rows at a time.
const PAGE = 100;
const COLUMNS = [
  ['Name', title], ['State', (job) => run.kinds[job.kind]], ['Started', (job) => (job.start < 0 ? Infinity : job.start), (job) => (job.start < 0 ? '' : clock(job.start))],
  ['Waited', (job) => (job.start < 0 ? -1 : Math.max(0, job.start - job.queued)), null, span], ['Took', lasted, null, span],
  ['CPU', (job) => job.cpu || -1, null, span], ['Memory', (job) => job.memory, (job) => (job.memory ? size(job.memory) : '')],
  ['End', (job) => job.said], ['Command', (job) => job.command], ['Id', (job) => job.id, (job) => job.id.slice(0, 8)],
];
const NUMBERS = new Set(['Waited', 'Took', 'CPU', 'Memory']);
const table = { column: 2, isDown: false, shown: PAGE, found: jobs };
const compare = new Intl.Collator(undefined, { numeric: true }).compare;

function cell(job, [heading, value, written, format]) {
  const shown = written ? written(job) : format ? format(value(job)) : value(job);
  const kind = NUMBERS.has(heading) ? 'number' : heading === 'Command' ? 'command' : heading === 'End' ? 'said' : heading === 'Name' ? 'name' : '';
  const made = make('td', kind ? { class: kind } : {}, shown);
  if (kind && kind !== 'number') made.title = shown;
  if (heading === 'State') { const dot = make('span', { class: 'dot', 'aria-hidden': 'true' }); dot.style.background = `var(${COLOURS[job.kind]})`; made.prepend(dot); }
  return made;
}

function row(job) {
  const made = make('tr', { tabindex: '0' }, ...COLUMNS.map((column) => cell(job, column)));
  const point = () => { for (const other of byId('rows').querySelectorAll('.is-chosen')) other.classList.remove('is-chosen'); made.classList.add('is-chosen'); choose(job, true); };
  made.addEventListener('click', point);
  made.addEventListener('keydown', (event) => { if (event.key === 'Enter') point(); });
  return made;
}

function find() {
  const words = byId('text').value.toLowerCase().split(/\s+/).filter(Boolean), kind = Number(byId('kind').value);
  const has = (job) => { const all = `${job.name} ${job.command} ${job.id} ${job.said}`.toLowerCase(); return words.every((word) => all.includes(word)); };
  table.found = jobs.filter((job) => (kind < 0 || job.kind === kind) && has(job));
  table.shown = PAGE;
  sort();
}

function sort() {
  const value = COLUMNS[table.column][1], sign = table.isDown ? -1 : 1;
  const keyed = table.found.map((job) => [value(job), job]);
  keyed.sort(typeof (keyed[0] || [0])[0] === 'string' ? (one, other) => sign * compare(one[0], other[0]) || one[1].at - other[1].at
    : (one, other) => (one[0] === other[0] ? 0 : sign * (one[0] - other[0])) || one[1].at - other[1].at);
  table.found = keyed.map(([, job]) => job);
  drawTable();
}

function drawTable() {
  byId('rows').replaceChildren(...table.found.slice(0, table.shown).map(row));
  const left = table.found.length - table.shown;
  byId('more').hidden = left <= 0;
  byId('more').textContent = `Show ${Math.min(PAGE * 5, left)} more`;
  byId('count').textContent = `${table.found.length} of ${jobs.length} jobs${left > 0 ? `, the first ${table.shown} shown` : ''}`;
  COLUMNS.forEach((_, at) => byId('headings').children[at].setAttribute('aria-sort', at !== table.column ? 'none' : table.isDown ? 'descending' : 'ascending'));
}

function makeTable() {
  COLUMNS.forEach(([heading], at) => {
    const button = make('button', { type: 'button' }, heading);
    button.addEventListener('click', () => { table.isDown = table.column === at ? !table.isDown : NUMBERS.has(heading); table.column = at; sort(); });
    byId('headings').append(make('th', { scope: 'col' }, button));
  });
  run.kinds.forEach((kind, at) => { if (run.kind.includes(at)) byId('kind').append(make('option', { value: at }, kind)); });
  byId('find').addEventListener('submit', (event) => event.preventDefault());
  byId('text').addEventListener('input', find);
  byId('kind').addEventListener('change', find);
  byId('more').addEventListener('click', () => {
    const before = table.shown;
    table.shown += PAGE * 5;
    drawTable();
    byId('rows').children[before].focus();
  });
  sort();
}
