// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Fills the page from its data: the strip, pictures, values and focus curve of a place, tables.
'use strict';

(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const find = (name) => document.getElementById(name);
  const says = (value, digits = 3) => (value === null || value === undefined || Number.isNaN(value)
    ? 'unknown' : Number(value).toFixed(digits));

  /** Returns the numbers that base64 text holds. */
  function numbers(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  }

  const surface = {
    rows: data.surface.rows, columns: data.surface.columns,
    depth: numbers(data.surface.depth, Float32Array),
    index: numbers(data.surface.index, Float32Array),
    confidence: numbers(data.surface.confidence, Uint8Array),
    deviation: data.surface.deviation ? numbers(data.surface.deviation, Float32Array) : null,
  };
  const slices = data.slices.map((each) => ({
    ...each, response: numbers(each.response, Uint16Array),
    frame: data.report.frames.find((frame) => frame.number === each.number),
  }));
  const place = {x: Math.floor(data.width / 2), y: Math.floor(data.height / 2)};

  function header() {
    document.title = data.title;
    find('title').textContent = data.title;
    const taken = data.report.frames.filter((frame) => frame.accepted).length;
    find('summary').textContent = `${data.width} x ${data.height} pixels, ${taken} of ` +
      `${data.report.frames.length} slices, noise ${says(data.report.noise_sigma, 2)} grey ` +
      `levels, backend ${data.report.backend}, version ${data.report.version}`;
    for (const note of data.report.notes) {
      find('notes').append(Object.assign(document.createElement('li'), {textContent: note}));
    }
  }

  function pictures() {
    find('all-in-focus').src = data.allInFocus;
    find('depth').src = data.depth.picture;
    find('confidence').src = data.confidence;
    find('ramp').src = data.depth.ramp;
    const end = (value, name) => (data.depth.unit === 'mm' ? `${says(value, 2)} mm ${name}`
      : `slice ${says(value, 1)}${data.depth.isTold ? ` ${name}` : ''}`);
    const metric = data.depth.unit === 'mm';
    for (const share of [0.25, 0.5, 0.75]) {
      const tick = Object.assign(document.createElement('span'), {textContent: says(
        data.depth.near + share * (data.depth.far - data.depth.near), metric ? 2 : 1)});
      tick.style.left = `${100 * share}%`;
      find('ticks').append(tick);
    }
    find('near').textContent = end(data.depth.near, 'near');
    find('far').textContent = end(data.depth.far, 'far');
  }

  function showSlice(rank) {
    find('scrub').value = rank;
    find('slice').src = slices[rank].picture;
    find('slice-label').textContent = `${rank + 1} of ${slices.length}, ${slices[rank].label}`;
  }

  function strip() {
    const scrub = find('scrub');
    scrub.max = slices.length - 1;
    scrub.addEventListener('input', () => {
      showSlice(Number(scrub.value));
      drawCurve();
    });
    find('stack').addEventListener('wheel', (event) => {
      event.preventDefault();
      const rank = Number(scrub.value) + Math.sign(event.deltaY);
      showSlice(Math.min(Math.max(rank, 0), slices.length - 1));
      drawCurve();
    }, {passive: false});
    showSlice(Math.floor((slices.length - 1) / 2));
  }

  /** Returns a slice's focus response at a pixel of the result, NaN where it does not see it. */
  function responseAt(slice, x, y) {
    const t = slice.frame.transform;
    const w = t[2][0] * x + t[2][1] * y + t[2][2];
    const u = (t[0][0] * x + t[0][1] * y + t[0][2]) / w;
    const v = (t[1][0] * x + t[1][1] * y + t[1][2]) / w;
    const column = (u + 0.5) / data.width * slice.columns - 0.5;
    const row = (v + 0.5) / data.height * slice.rows - 0.5;
    if (column < -0.5 || row < -0.5 || column > slice.columns - 0.5 || row > slice.rows - 0.5) {
      return NaN;
    }
    const left = Math.min(Math.max(Math.floor(column), 0), slice.columns - 1);
    const top = Math.min(Math.max(Math.floor(row), 0), slice.rows - 1);
    const right = Math.min(left + 1, slice.columns - 1);
    const bottom = Math.min(top + 1, slice.rows - 1);
    const across = Math.min(Math.max(column - left, 0), 1);
    const down = Math.min(Math.max(row - top, 0), 1);
    const at = (j, i) => slice.response[j * slice.columns + i] / 64;
    return (1 - down) * ((1 - across) * at(top, left) + across * at(top, right)) +
      down * ((1 - across) * at(bottom, left) + across * at(bottom, right));
  }

  function valuesAt(x, y) {
    const column = Math.min(Math.floor((x + 0.5) / data.width * surface.columns),
      surface.columns - 1);
    const row = Math.min(Math.floor((y + 0.5) / data.height * surface.rows), surface.rows - 1);
    const at = row * surface.columns + column;
    return {depth: surface.depth[at], index: surface.index[at],
      confidence: surface.confidence[at] / 255,
      deviation: surface.deviation ? surface.deviation[at] : NaN};
  }

  function element(name, attributes, words) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, value);
    }
    if (words !== undefined) {
      made.textContent = words;
    }
    return made;
  }

  function drawCurve() {
    const curve = find('curve');
    const values = slices.map((slice) => responseAt(slice, place.x, place.y));
    const most = Math.max(...values.filter((value) => !Number.isNaN(value)), 1e-6);
    const x = (rank) => 50 + rank * 570 / Math.max(slices.length - 1, 1);
    const y = (value) => 220 - 190 * value / most;
    const {index} = valuesAt(place.x, place.y);
    const points = values.map((value, rank) => [rank, value])
      .filter(([, value]) => !Number.isNaN(value));
    const here = Number(find('scrub').value);
    curve.replaceChildren(
      element('line', {x1: 50, y1: 220, x2: 620, y2: 220, stroke: '#666'}),
      element('line', {x1: x(index), y1: 20, x2: x(index), y2: 220, stroke: '#ffb000',
        'stroke-dasharray': '5 4', id: 'peak'}),
      element('line', {x1: x(here), y1: 212, x2: x(here), y2: 228, stroke: '#e8e8e8',
        'stroke-width': 2}),
      element('polyline', {points: points.map(([rank, value]) => `${x(rank)},${y(value)}`)
        .join(' '), fill: 'none', stroke: '#7ec8ff', 'stroke-width': 2}),
      ...points.map(([rank, value]) => element('circle', {cx: x(rank), cy: y(value), r: 3,
        fill: '#7ec8ff'})),
      element('text', {x: 50, y: 245}, slices[0].label),
      element('text', {x: 620, y: 245, 'text-anchor': 'end'}, slices[slices.length - 1].label),
      element('text', {x: 8, y: 16}, `mean focus response, up to ${says(most, 1)} grey levels`),
      element('text', {x: 335, y: 245, 'text-anchor': 'middle'}, 'slice'));
  }

  function choose(x, y) {
    place.x = Math.min(Math.max(Math.round(x), 0), data.width - 1);
    place.y = Math.min(Math.max(Math.round(y), 0), data.height - 1);
    const {depth, index, confidence, deviation} = valuesAt(place.x, place.y);
    const metric = data.depth.unit === 'mm';
    find('values').textContent = `pixel ${place.x}, ${place.y}: ` +
      (metric ? `depth ${says(depth)} mm` +
        (Number.isNaN(deviation) ? '' : ` ± ${says(deviation)} mm`) + ', ' : '') +
      `slice ${says(index, 2)}, confidence ${says(confidence, 2)}`;
    for (const cross of document.querySelectorAll('.pick .cross')) {
      cross.style.display = 'block';
      cross.style.left = `${(place.x + 0.5) / data.width * 100}%`;
      cross.style.top = `${(place.y + 0.5) / data.height * 100}%`;
    }
    drawCurve();
  }

  function picking() {
    for (const picture of document.querySelectorAll('.pick')) {
      picture.tabIndex = 0;
      picture.addEventListener('click', (event) => {
        const box = picture.getBoundingClientRect();
        choose((event.clientX - box.left) / box.width * data.width - 0.5,
          (event.clientY - box.top) / box.height * data.height - 0.5);
      });
      picture.addEventListener('keydown', (event) => {
        const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
          ArrowDown: [0, 1]}[event.key];
        if (step) {
          event.preventDefault();
          const pixels = event.shiftKey ? 1 : Math.max(Math.round(data.width / 100), 1);
          choose(place.x + step[0] * pixels, place.y + step[1] * pixels);
        }
      });
    }
  }

  function row(table, cells, kind = 'td') {
    const made = document.createElement('tr');
    for (const cell of cells) {
      const one = document.createElement(kind);
      one.textContent = cell;
      if (kind === 'td' && cell !== '' && !Number.isNaN(Number(cell))) {
        one.className = 'number';
      }
      made.append(one);
    }
    table.append(made);
    return made;
  }

  function tables() {
    const list = find('slices');
    row(list, ['input', 'file', 'distance, mm', 'rank', 'gain', 'residual', 'misfit, px',
      'remark'], 'th');
    for (const frame of data.report.frames) {
      const metres = frame.focus_distance_m;
      const made = row(list, [frame.number, frame.file || '',
        metres === null ? '' : says(metres * 1e3), frame.rank === null ? '' : frame.rank,
        frame.accepted ? says(frame.gain) : '', frame.residual === null ? '' :
          says(frame.residual, 2), frame.misfit_px === null ? '' : says(frame.misfit_px, 2),
        frame.reason]);
      made.classList.toggle('refused', !frame.accepted);
    }
    for (const [name, value] of Object.entries(data.report.timings_ms)) {
      row(find('timings'), [name, `${says(value, 1)} ms`]);
    }
    for (const [name, value] of Object.entries(data.report.options)) {
      row(find('options'), [name, String(value)]);
    }
  }

  header();
  pictures();
  strip();
  picking();
  tables();
  choose(place.x, place.y);
  surfaceView(find('surface'), find('surface-says'), surface, data, {
    exaggeration: find('exaggeration'), exaggerated: find('exaggerated'),
    textured: find('textured'), picture: find('all-in-focus')});
})();
