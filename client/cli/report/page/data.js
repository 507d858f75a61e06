// The jobs of the run, and how times and sizes are written. Texts of jobs are only ever set as text, never as HTML.
const run = JSON.parse(document.getElementById('data').textContent);
const COLOURS = ['--ok', '--failed', '--limit', '--cancelled', '--queued', '--lost', '--running', '--queued'];
const byId = (id) => document.getElementById(id);
const text = (number) => run.texts[number];
const jobs = run.id.map((id, at) => ({
  at, id, name: text(run.name[at]), command: text(run.command[at]), said: text(run.said[at]), kind: run.kind[at],
  queued: run.queued[at], start: run.start[at], end: run.end[at], lane: run.lane[at], cpu: run.cpu[at], memory: run.memory[at],
  attempt: run.attempt[at],
}));
// Attempts that were followed by others have bars of their own; what they used is not told.
const earlier = run.earlier.map((one) => ({ ...jobs[one.at], ...one, said: text(one.said), cpu: 0, memory: 0 }));
const title = (job) => job.name || job.command;
const lasted = (job) => (job.start < 0 ? -1 : job.end - job.start);
const before = new Map(), behind = new Map();
for (const [first, second] of run.after) {
  before.set(second, [...(before.get(second) || []), first]);
  behind.set(first, [...(behind.get(first) || []), second]);
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function span(us) {
  if (us < 0) return '';
  const seconds = us / 1e6;
  if (seconds < 1) return `${Math.floor(us / 1000)}ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.floor(seconds), two = (number) => String(number).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole % 3600 / 60))}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor(whole % 86400 / 3600))}h`;
}

function size(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function clock(us) { return new Date(run.begin + us / 1000).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' }); }

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
