import { expect, it } from 'vitest';
import { clampView, FITTED, fittedSize, panBy, visibleSpan, zoomOfOriginal, zoomTo } from './view.ts';

const STAGE = { width: 800, height: 600 };
const PHOTO = { width: 400, height: 200 };

it('a picture is fitted into its stage, grown or shrunk', () => {
  expect(fittedSize(STAGE, PHOTO)).toEqual({ width: 800, height: 400 });
  expect(fittedSize(STAGE, { width: 1000, height: 3000 })).toEqual({ width: 200, height: 600 });
});

it('what lies under the pointer stays there while zooming', () => {
  const point = { x: 100, y: 50 };
  const view = zoomTo(FITTED, 4, point, STAGE, PHOTO);
  const before = { x: (point.x - FITTED.x) / FITTED.zoom, y: (point.y - FITTED.y) / FITTED.zoom };
  expect({ x: (point.x - view.x) / view.zoom, y: (point.y - view.y) / view.zoom }).toEqual(before);
});

it('zoom has its bounds, and the smallest shows the whole picture in the middle', () => {
  const zoomed = zoomTo(FITTED, 1000, { x: 300, y: 0 }, STAGE, PHOTO);
  expect(zoomed.zoom).toBe(8);
  expect(zoomTo(zoomed, 0.1, { x: -300, y: 10 }, STAGE, PHOTO)).toMatchObject({ zoom: 1, x: 0 });
});

it('no gap opens beside a picture that is larger than its stage', () => {
  expect(panBy({ zoom: 2, x: 0, y: 0 }, { x: 9999, y: -9999 }, STAGE, PHOTO)).toEqual({ zoom: 2, x: 400, y: -100 });
  expect(clampView({ zoom: 1, x: 50, y: 50 }, STAGE, PHOTO)).toEqual(FITTED);
});

it('the original size is a pixel for a pixel, where that is not smaller than fitted', () => {
  expect(zoomOfOriginal(STAGE, { width: 4000, height: 3000 })).toBe(5);
  expect(zoomOfOriginal(STAGE, PHOTO)).toBe(1);
});

it('the divider keeps to what is seen of the picture', () => {
  expect(visibleSpan(FITTED, STAGE, { width: 300, height: 300 })).toEqual({ from: 100, to: 700 });
  expect(visibleSpan({ zoom: 3, x: 0, y: 0 }, STAGE, PHOTO)).toEqual({ from: 0, to: 800 });
});
