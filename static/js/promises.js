/* global uPlot */
import { timeOfDay } from "./clock.js";

// The share of promises kept, block by block: a line with its confidence band, and the aim.

const HEIGHT = 240;
const FONT = "14px system-ui, sans-serif";

const place = document.getElementById("chart");
const blocks = JSON.parse(document.getElementById("blocks").textContent);
const aim = JSON.parse(document.getElementById("aim").textContent);
let chart = null;

function draw() {
  chart?.destroy();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = { stroke: colour("--bs-secondary-color"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: FONT };
  const edge = { stroke: "transparent", points: { show: false } };
  const lowest = Math.min(60, ...blocks.map((block) => block.percent_low));
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] }, y: { range: [Math.floor(lowest / 10) * 10, 100] } },
    axes: [
      { ...axis, incrs: [1], space: 60, values: (_, turns) => turns.map((turn) => (blocks[turn] ? timeOfDay(blocks[turn].at) : "")) },
      { ...axis, size: 56, values: (_, shares) => shares.map((share) => `${share} %`) },
    ],
    series: [
      {},
      { label: "Aim", stroke: colour("--bs-secondary-color"), width: 2, dash: [8, 4], points: { show: false } },
      { label: "At least", ...edge },
      { label: "At most", ...edge },
      { label: "Kept", stroke: colour("--tomato"), width: 2, points: { show: true, size: 8, fill: colour("--tomato") } },
    ],
    bands: [{ series: [3, 2], fill: `${colour("--tomato")}26` }],
  };
  const column = (name) => blocks.map((block) => block[name]);
  const data = [blocks.map((_, turn) => turn), blocks.map(() => aim), column("percent_low"), column("percent_high"), column("percent")];
  chart = new uPlot(options, data, place);
}

new ResizeObserver(() => chart?.width !== place.clientWidth && draw()).observe(place);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
