// Everything is there: show it.
run.kinds.forEach((kind, at) => {
  const count = run.kind.filter((one) => one === at).length;
  if (!count) return;
  const sign = make('i', { 'aria-hidden': 'true' });
  sign.style.background = `var(${COLOURS[at]})`;
  byId('legend').append(make('li', {}, sign, `${count} ${kind}`));
});
if (!ran.length) {
  bars.hidden = busy.hidden = true;
  byId('chosen').textContent = 'No job has run.';
} else listen();
draw();
makeTable();
document.documentElement.dataset.ready = 'yes';
