/* The charts of a report. Data stands in the page; nothing is fetched. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var charts = [], linking = false;
  var byId = function (id) { return document.getElementById(id); };
  var color = function (name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); };
  var grouped = function (value, decimals) {
    return value == null ? "–" : value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  var percent = function (value) { return value == null ? "–" : grouped(value * 100, Math.abs(value) < 0.0005 && value !== 0 ? 4 : 2) + " %"; };
  var moment = new Intl.DateTimeFormat("en-CA", {
    timeZone: data.zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    fractionalSecondDigits: data.span_s < 172800 ? 3 : undefined, hourCycle: "h23"
  });
  var when = function (seconds) { return seconds == null ? "–" : moment.format(new Date(seconds * 1000)).replace(",", ""); };

  /* Times come as ms since the first one, each as the difference to the one before. Seconds here. */
  function stamps(series) {
    var at = data.start_ms, out = new Array(series.t.length);
    for (var i = 0; i < out.length; i++) { at += series.t[i]; out[i] = at / 1000; }
    return out;
  }

  /* Nights and weekends are left out of the axis where most of the time nothing trades: stretches of activity stand side by side. */
  var HOUR = 3600, stretches = (function () {
    var all = [];
    data.instruments.concat([data.equity || { t: [] }]).forEach(function (one) {
      (one.fills ? [one.fills, one.price || { t: [] }] : [one]).forEach(function (series) { all = all.concat(stamps(series)); });
    });
    all.sort(function (a, b) { return a - b; });
    var list = [], from = all[0], closed = 0;
    for (var i = 1; i < all.length; i++) {
      if (all[i] - all[i - 1] <= 3 * HOUR) continue;
      list.push({ from: from, to: all[i - 1] });
      closed += all[i] - all[i - 1];
      from = all[i];
    }
    if (!list.length || list.length > all.length / 5 || closed < data.span_s * 0.3) return null;
    list.push({ from: from, to: all[all.length - 1] });
    var x = 0, room = (data.span_s - closed) * 0.004;
    list.forEach(function (one) { one.x = x; x += one.to - one.from + room; });
    return list;
  })();
  function stretch_at(value, key) {
    var low = 0, high = stretches.length - 1;
    while (low < high) {
      var middle = (low + high + 1) >> 1;
      if (stretches[middle][key] <= value) low = middle; else high = middle - 1;
    }
    return stretches[low];
  }
  function place(t) {
    if (!stretches) return t;
    var one = stretch_at(t, "from");
    return one.x + Math.max(0, Math.min(t, one.to) - one.from);
  }
  function time_at(x) {
    if (!stretches || x == null) return x;
    var one = stretch_at(x, "x");
    return Math.min(one.from + x - one.x, one.to);
  }

  function times(series) {
    var t = stamps(series);
    return stretches ? t.map(place) : t;
  }

  function axis(scale, suffix) {
    return {
      stroke: color("dim"), size: 72, font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: color("grid"), width: 1 },
      values: function (_, splits) {
        var shown = splits.map(function (v) { return v == null ? null : v * (scale || 1); });
        var step = shown.length > 1 ? Math.abs(shown[1] - shown[0]) : Math.abs(shown[0]) || 1, places = 0;
        while (places < 8 && shown.some(function (v) { return v != null && Math.abs(v - +v.toFixed(places)) > step * 1e-6; })) places++;
        return shown.map(function (v) { return v == null ? "" : grouped(v, places) + (suffix || ""); });
      }
    };
  }

  var clock = new Intl.DateTimeFormat("en-GB", { timeZone: data.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  var calendar = new Intl.DateTimeFormat("en-GB", { timeZone: data.zone, day: "numeric", month: "short" });

  /* Where stretches stand side by side: their beginnings, and times of day between them where there is room. */
  function stretch_ticks(u, _, low, high) {
    var second = u.bbox.width / (window.devicePixelRatio || 1) / (high - low), step = 75 / second, ticks = [], last = -Infinity;
    var inner = [60, 300, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR].filter(function (s) { return s >= step; })[0];
    stretches.forEach(function (one) {
      if (one.x + one.to - one.from < low || one.x > high) return;
      if (one.x >= low && one.x - last >= step) ticks.push(last = one.x);
      if (!inner) return;
      for (var t = Math.ceil(one.from / inner) * inner; t < one.to; t += inner) {
        var x = place(t);
        if (x >= low && x <= high && x - last >= step) ticks.push(last = x);
      }
    });
    return ticks;
  }

  function time_axis() {
    var axis = { stroke: color("dim"), font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { show: false }, size: stretches || data.span_s > 3 * 365 * 86400 ? 28 : 40, space: 70 };
    if (!stretches) return axis;
    axis.splits = stretch_ticks;
    axis.values = function (_, splits) {
      return splits.map(function (x) {
        var t = time_at(x), begins = stretches.some(function (one) { return one.x === x; });
        return (begins ? calendar : clock).format(new Date(t * 1000));
      });
    };
    return axis;
  }

  function time_chart(id, height, series, columns, options) {
    var box = byId(id);
    if (!box || !window.uPlot) return null;
    var ends = columns.map(function (column) {
      var i = column.length - 1;
      while (i > 0 && column[i] == null) i--;
      return i;
    });
    var last = function (u) { if (u.cursor.idx == null) u.setLegend({ idxs: ends }, false); };
    options.hooks = Object.assign({ setScale: [follow], ready: [last], setCursor: [last] }, options.hooks);
    var chart = new uPlot(Object.assign({
      width: box.clientWidth, height: height, series: [{ label: "Time", value: function (_, v) { return when(time_at(v)); } }].concat(series),
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), data.zone); },
      fmtDate: function (template) { return uPlot.fmtDate(template.replace("{h}:{mm}{aa}", "{HH}:{mm}").replace("{h}{aa}", "{HH}:00")
        .replace("{h}:{mm}:{ss}{aa}", "{HH}:{mm}:{ss}").replace(/\{M\}\/\{D\}\/\{YY\}/, "{YYYY}-{MM}-{DD}").replace(/\{M\}\/\{D\}/, "{D} {MMM}")); },
      axes: [time_axis(), axis()],
      cursor: { sync: { key: "report", setSeries: false }, drag: { x: true, y: false }, points: { size: 6 },
        bind: { dblclick: function (u) { return function () { u.setScale("x", whole()); return null; }; } } },
      legend: { live: true },
      padding: [8, 20, 0, 0]
    }, options), columns, box);
    charts.push(chart);
    linking = true;
    chart.setScale("x", whole());
    linking = false;
    return chart;
  }

  function line(label, stroke, more) {
    return Object.assign({ label: label, stroke: stroke, width: 1.5, points: { show: false } }, more);
  }

  function equity() {
    if (!data.equity) return;
    var t = times(data.equity);
    time_chart("equity", 260, [
      line("Equity", color("accent"), { fill: color("accent-soft"), value: function (_, v) { return grouped(v, 2); } })
    ], [t, data.equity.v], { scales: { x: { time: !stretches }, y: { range: padded } } });
    time_chart("drawdown", 130, [
      line("Drawdown", color("down"), { fill: color("down-soft"), width: 1, value: function (_, v) { return percent(v); } })
    ], [t, data.equity.d], { axes: [time_axis(), axis(100, " %")], scales: { x: { time: !stretches }, y: { range: function (_, low) { return [low < 0 ? low * 1.08 : -0.001, 0]; } } } });
  }

  /* The whole run; a second around it when it was only an instant. */
  function whole() {
    var room = data.span_s > 0 ? 0 : 1;
    var from = data.start_ms / 1000, to = from + data.span_s;
    return { min: place(from) - room, max: place(to) + room };
  }

  /* A zoom of one chart is a zoom of all. */
  function follow(chart, key) {
    if (key !== "x" || linking) return;
    var range = { min: chart.scales.x.min, max: chart.scales.x.max };
    linking = true;
    charts.forEach(function (other) { if (other !== chart) other.setScale("x", range); });
    linking = false;
  }

  function padded(_, low, high) {
    if (low == null) return [0, 1];
    var room = (high - low) * 0.06 || Math.abs(high) * 0.001 || 1;
    return [low - room, high + room];
  }

  /* Buys point up below the price, sells down above it. */
  function markers(fills, t) {
    return function (u) {
      var ctx = u.ctx, ratio = window.devicePixelRatio || 1, size = (fills.p.length > 400 ? 3 : 5) * ratio;
      var low = u.scales.x.min, high = u.scales.x.max;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      [1, -1].forEach(function (side) {
        ctx.fillStyle = color(side > 0 ? "up" : "down");
        ctx.beginPath();
        for (var i = 0; i < t.length; i++) {
          if (fills.s[i] !== side || t[i] < low || t[i] > high) continue;
          var x = u.valToPos(t[i], "x", true), y = u.valToPos(fills.p[i], "y", true);
          ctx.moveTo(x, y + side * 1.5 * ratio);
          ctx.lineTo(x - size, y + side * (size * 1.7 + 1.5 * ratio));
          ctx.lineTo(x + size, y + side * (size * 1.7 + 1.5 * ratio));
          ctx.closePath();
        }
        ctx.fill();
      });
      ctx.restore();
    };
  }

  /* Places several series with times of their own on one axis of time; null where one has no value. */
  function aligned(list) {
    return uPlot.join(list);
  }

  function instrument(i) {
    ["price", "position"].forEach(function (id) {
      charts = charts.filter(function (chart) {
        if (chart.root.parentNode !== byId(id)) return true;
        chart.destroy();
        return false;
      });
    });
    var one = data.instruments[i];
    if (!one) return;
    var fill_times = times(one.fills), places = one.decimals;
    var shown = function (_, v) { return v == null ? "–" : grouped(v, places); };
    var tables = [], series = [], bands = [];
    if (one.price) {
      var t = times(one.price);
      var spread = one.price.h ? [one.price.v, one.price.h, one.price.l] : [one.price.v];
      tables.push([t].concat(spread));
      series.push(line("Price", color("text"), { width: 1, value: shown }));
      if (one.price.h) {
        series.push(line("High", "transparent", { width: 0, class: "quiet" }), line("Low", "transparent", { width: 0, class: "quiet" }));
        bands.push({ series: [2, 3], fill: color("band") });
      }
    } else {
      tables.push([fill_times, one.fills.p]);
      series.push(line("Fill price", color("text"), { width: 1, value: shown }));
    }
    (data.series || []).forEach(function (extra, n) {
      if (extra.pane !== "price" || extra.instrument !== one.symbol) return;
      tables.push([times(extra), extra.v]);
      series.push(line(extra.name, ["#d9822b", "#8e5bd0", "#1a9ba1", "#c2417f"][n % 4], { value: shown }));
    });
    var columns = tables.length > 1 ? aligned(tables) : tables[0];
    series.forEach(function (s) { s.spanGaps = true; });
    time_chart("price", 300, series, columns, { bands: bands, scales: { x: { time: !stretches }, y: { range: padded } }, hooks: { draw: [markers(one.fills, fill_times)] } });
    if (one.position) {
      time_chart("position", 130, [
        line("Position", color("accent"), { fill: color("accent-soft"), paths: window.uPlot && uPlot.paths.stepped({ align: 1 }), value: function (_, v) { return grouped(v, one.quantity_decimals); } })
      ], [times(one.position), one.position.v], { scales: { x: { time: !stretches }, y: { range: function (_, low, high) { low = Math.min(low, 0); high = Math.max(high, 0); var room = (high - low) * 0.06 || 1; return [low - room, high + room]; } } } });
    }
  }

  function panes() {
    var box = byId("panes");
    if (!box) return;
    var by_pane = {};
    (data.series || []).forEach(function (extra) { if (extra.pane !== "price") (by_pane[extra.pane] = by_pane[extra.pane] || []).push(extra); });
    Object.keys(by_pane).forEach(function (name, n) {
      var part = document.createElement("section"), title = document.createElement("h2"), chart = document.createElement("div");
      title.textContent = name;
      chart.id = "pane" + n;
      chart.className = "chart";
      part.append(title, chart);
      box.append(part);
      var columns = aligned(by_pane[name].map(function (extra) { return [times(extra), extra.v]; }));
      time_chart(chart.id, 150, by_pane[name].map(function (extra, i) {
        return line(extra.name, [color("accent"), "#d9822b", "#8e5bd0", "#1a9ba1"][i % 4], { spanGaps: true, value: function (_, v) { return v == null ? "–" : String(+v.toPrecision(7)); } });
      }), columns, { scales: { x: { time: !stretches }, y: { range: padded } } });
    });
  }

  var SVG = document.createElementNS.bind(document, document.getElementById("shape").namespaceURI);
  function shape(parent, name, attributes, text) {
    var node = SVG(name);
    Object.keys(attributes).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    if (text != null) node.textContent = text;
    parent.append(node);
    return node;
  }

  /* A histogram: bars below and above zero in their colours. */
  function histogram() {
    var box = byId("histogram"), h = data.histogram;
    if (!box || !h) return;
    box.textContent = "";
    var width = Math.max(box.clientWidth, 240), height = 210, foot = 22, top = Math.max.apply(null, h.counts) || 1, n = h.counts.length;
    var svg = shape(box, "svg", { viewBox: "0 0 " + width + " " + height, height: height, role: "img", "aria-label": "distribution of returns" });
    var x = function (v) { return (v - h.low) / (h.high - h.low) * width; };
    h.counts.forEach(function (count, i) {
      var from = h.low + (h.high - h.low) * i / n, to = h.low + (h.high - h.low) * (i + 1) / n, tall = count / top * (height - foot - 14);
      var bar = shape(svg, "rect", { x: x(from) + 1, y: height - foot - tall, width: Math.max(x(to) - x(from) - 2, 1), height: tall, rx: 2,
        fill: (from + to) / 2 < 0 ? "var(--down)" : "var(--up)", "fill-opacity": .75 });
      shape(bar, "title", {}, percent(from) + " to " + percent(to) + ": " + count);
    });
    shape(svg, "line", { x1: 0, x2: width, y1: height - foot, y2: height - foot, stroke: "var(--line)" });
    var labels = [[h.low, "start"], [h.high, "end"]];
    if (x(0) > 70 && x(0) < width - 70) labels.push([0, "middle"]);
    labels.forEach(function (label) {
      shape(svg, "text", { x: x(label[0]), y: height - 6, fill: "var(--dim)", "font-size": 11, "text-anchor": label[1] }, label[0] === 0 ? "0" : percent(label[0]));
    });
    if (h.mean != null) {
      shape(svg, "line", { x1: x(h.mean), x2: x(h.mean), y1: 12, y2: height - foot, stroke: "var(--text)", "stroke-dasharray": "3 3" });
      shape(svg, "text", { x: Math.min(Math.max(x(h.mean), 40), width - 40), y: 9, fill: "var(--dim)", "font-size": 11, "text-anchor": "middle" }, "mean " + percent(h.mean));
    }
  }

  /* Without the chart library: a plain line. */
  function plain(id, height, t, values, stroke, stepped) {
    var box = byId(id);
    if (!box || !t.length) return;
    var width = 1000, low = Math.min.apply(null, values), high = Math.max.apply(null, values), span = high - low || 1;
    var all = whole(), long = all.max - all.min || 1;
    var svg = shape(box, "svg", { viewBox: "0 0 " + width + " " + height, height: height, preserveAspectRatio: "none" }), path = "", last = null;
    values.forEach(function (v, i) {
      var x = ((t[i] - all.min) / long * width).toFixed(1), y = (height - 6 - (v - low) / span * (height - 12)).toFixed(1);
      path += i ? (stepped ? "H" + x + "V" + y : "L" + x + "," + y) : "M" + x + "," + y;
      last = x;
    });
    shape(svg, "path", { d: path, fill: "none", stroke: stroke, "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" });
    var note = document.createElement("p");
    note.className = "note";
    note.textContent = "from " + when(time_at(t[0])) + " to " + when(time_at(t[t.length - 1])) + ", between " + String(+low.toPrecision(8)) + " and " + String(+high.toPrecision(8));
    box.append(note);
  }

  function draw() {
    charts.forEach(function (chart) { chart.destroy(); });
    charts = [];
    ["equity", "drawdown", "price", "position", "panes"].forEach(function (id) { if (byId(id)) byId(id).textContent = ""; });
    var chosen = byId("instrument") ? +byId("instrument").value : 0;
    histogram();
    if (window.uPlot) {
      equity();
      instrument(chosen);
      panes();
      return;
    }
    if (data.equity) {
      plain("equity", 240, times(data.equity), data.equity.v, "var(--accent)");
      plain("drawdown", 110, times(data.equity), data.equity.d, "var(--down)");
    }
    var one = data.instruments[chosen];
    if (one && one.price) plain("price", 260, times(one.price), one.price.v, "var(--text)");
    if (one && one.position) plain("position", 110, times(one.position), one.position.v, "var(--accent)", true);
  }

  var pending = 0;
  function later() { clearTimeout(pending); pending = setTimeout(draw, 120); }
  var width = document.documentElement.clientWidth;
  window.addEventListener("resize", function () {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    later();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (byId("instrument")) byId("instrument").addEventListener("change", draw);
  draw();
})();
