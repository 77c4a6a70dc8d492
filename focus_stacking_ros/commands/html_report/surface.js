// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A surface that can be turned, drawn by WebGL; holes where nothing is known.
'use strict';

/**
 * Shows a depth grid.
 *
 * canvas: where; says: element for a sentence; grid: {rows, columns, depth}; data: width, height,
 * depth {near, far}; controls: {exaggeration, exaggerated, textured, picture}.
 */
function surfaceView(canvas, says, grid, data, controls) {
  const gl = canvas.getContext('webgl', {preserveDrawingBuffer: true});
  if (!gl) {
    says.textContent = 'This browser draws no surfaces (WebGL is off); surface.ply has it.';
    return;
  }
  const span = Math.max(Math.abs(data.depth.far - data.depth.near), 1e-9);
  const aspect = data.height / data.width;
  // Heights a fifth of the width at first, whatever their unit.
  const usual = 0.2 / span;
  const towards = data.depth.near > data.depth.far ? -1 : 1;
  const positions = [];
  const places = [];
  const known = (at) => !Number.isNaN(grid.depth[at]);
  for (let j = 0; j < grid.rows; ++j) {
    for (let i = 0; i < grid.columns; ++i) {
      const depth = grid.depth[j * grid.columns + i];
      const u = (i + 0.5) / grid.columns;
      const v = (j + 0.5) / grid.rows;
      positions.push(u - 0.5, (0.5 - v) * aspect,
        Number.isNaN(depth) ? 0 : towards * ((data.depth.near + data.depth.far) / 2 - depth));
      places.push(u, v);
    }
  }
  const triangles = [];
  for (let j = 0; j + 1 < grid.rows; ++j) {
    for (let i = 0; i + 1 < grid.columns; ++i) {
      const a = j * grid.columns + i;
      const corners = [a, a + 1, a + grid.columns, a + grid.columns + 1];
      if (corners.every(known)) {
        triangles.push(corners[0], corners[2], corners[1], corners[1], corners[2], corners[3]);
      }
    }
  }
  if (!triangles.length) {
    says.textContent = 'No place is confident enough for a surface.';
    return;
  }

  function compiled(kind, source) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      throw new Error(gl.getShaderInfoLog(shader));
    }
    return shader;
  }

  const program = gl.createProgram();
  gl.attachShader(program, compiled(gl.VERTEX_SHADER, `
    attribute vec3 position; attribute vec2 place;
    uniform mat3 turn; uniform float height, zoom, shape;
    varying vec2 where; varying vec3 seen; varying float level;
    void main() {
      vec3 p = turn * vec3(position.xy, position.z * height);
      where = place; seen = p; level = position.z;
      gl_Position = vec4(p.x * zoom * shape, p.y * zoom, -p.z * zoom * 0.3, 1.0 - p.z * 0.3);
    }`));
  gl.getExtension('OES_standard_derivatives');
  gl.attachShader(program, compiled(gl.FRAGMENT_SHADER, `
    #extension GL_OES_standard_derivatives : enable
    precision highp float;
    uniform sampler2D picture; uniform float textured, span;
    varying vec2 where; varying vec3 seen; varying float level;
    vec3 ramp(float t) {
      return clamp(vec3(1.5 - abs(4.0 * t - 3.0), 1.5 - abs(4.0 * t - 2.0),
                        1.5 - abs(4.0 * t - 1.0)), 0.0, 1.0);
    }
    void main() {
      vec3 normal = normalize(cross(dFdx(seen), dFdy(seen)));
      float light = 0.35 + 0.65 * abs(normal.z);
      vec3 colour = textured > 0.5 ? texture2D(picture, where).rgb : ramp(0.5 + level / span);
      gl_FragColor = vec4(colour * light, 1.0);
    }`));
  gl.linkProgram(program);
  gl.useProgram(program);

  function buffer(kind, content) {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    gl.bufferData(kind, content, gl.STATIC_DRAW);
  }

  function attribute(name, size, content) {
    buffer(gl.ARRAY_BUFFER, new Float32Array(content));
    const at = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
  }

  attribute('position', 3, positions);
  attribute('place', 2, places);
  // Sixteen bits number the corners where no extension is: a grid has at most 65536 then.
  const wide = gl.getExtension('OES_element_index_uint');
  buffer(gl.ELEMENT_ARRAY_BUFFER, wide ? new Uint32Array(triangles) : new Uint16Array(triangles));
  const uniform = (name) => gl.getUniformLocation(program, name);
  const view = {around: 0.5, over: -0.9, zoom: 1.7};

  function draw() {
    const [sa, ca] = [Math.sin(view.around), Math.cos(view.around)];
    const [so, co] = [Math.sin(view.over), Math.cos(view.over)];
    const times = 10 ** Number(controls.exaggeration.value);
    controls.exaggerated.textContent = times.toFixed(times < 10 ? 1 : 0);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 1);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    // First about the surface's normal, then towards the eye.
    gl.uniformMatrix3fv(uniform('turn'), false, [
      ca, sa * co, sa * so, -sa, ca * co, ca * so, 0, -so, co]);
    gl.uniform1f(uniform('height'), usual * times);
    gl.uniform1f(uniform('zoom'), view.zoom);
    gl.uniform1f(uniform('shape'), canvas.height / canvas.width);
    gl.uniform1f(uniform('span'), span);
    gl.uniform1f(uniform('textured'), controls.textured.checked ? 1 : 0);
    gl.drawElements(gl.TRIANGLES, triangles.length, wide ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT, 0);
    canvas.dataset.view = `${view.around.toFixed(3)} ${view.over.toFixed(3)} ${view.zoom.toFixed(3)}`;
  }

  function texture() {
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, controls.picture);
    for (const [name, value] of [[gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE], [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
      [gl.TEXTURE_MAG_FILTER, gl.LINEAR]]) {
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    }
    draw();
    canvas.dataset.ready = 'yes';
  }

  let held = null;
  canvas.addEventListener('pointerdown', (event) => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (held) {
      view.around += (event.clientX - held[0]) * 0.01;
      view.over = Math.min(Math.max(view.over + (event.clientY - held[1]) * 0.01, -1.57), 0);
      held = [event.clientX, event.clientY];
      draw();
    }
  });
  for (const name of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(name, () => {
      held = null;
    });
  }
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    view.zoom = Math.min(Math.max(view.zoom * Math.exp(-event.deltaY * 0.001), 0.3), 20);
    draw();
  }, {passive: false});
  controls.exaggeration.addEventListener('input', draw);
  controls.textured.addEventListener('change', draw);
  if (controls.picture.complete && controls.picture.naturalWidth) {
    texture();
  } else {
    controls.picture.addEventListener('load', texture, {once: true});
  }
}
