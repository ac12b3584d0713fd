import type { Size } from '@qwen-edit/contract';

/** How a picture lies on its stage. Lengths are CSS pixels. */
export interface View {
  /** 1: as large as fits. */
  readonly zoom: number;
  /** Of the picture's centre from the stage's. */
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const FITTED: View = { zoom: 1, x: 0, y: 0 };

/** Pixels of a small picture are worth seeing one by one. */
const MIN_LARGEST_ZOOM = 8;
const LARGEST_PIXEL = 8;

/** The size at which the whole picture is seen, as large as the stage allows. */
export function fittedSize(stage: Size, picture: Size): Size {
  const scale = Math.min(stage.width / picture.width, stage.height / picture.height);
  return { width: picture.width * scale, height: picture.height * scale };
}

/** CSS pixels for a pixel of the picture. */
export function pixelSize(view: View, stage: Size, picture: Size): number {
  return (fittedSize(stage, picture).width / picture.width) * view.zoom;
}

/** The zoom at which a pixel of the picture is a CSS pixel. */
export function zoomOfOriginal(stage: Size, picture: Size): number {
  return clampZoom(1 / pixelSize(FITTED, stage, picture), stage, picture);
}

function clampZoom(zoom: number, stage: Size, picture: Size): number {
  const largest = Math.max(MIN_LARGEST_ZOOM, LARGEST_PIXEL / pixelSize(FITTED, stage, picture));
  return Math.min(Math.max(zoom, 1), largest);
}

/** The view with zoom and place within bounds: no gap opens beside a picture that is larger than its stage. */
export function clampView(view: View, stage: Size, picture: Size): View {
  const zoom = clampZoom(view.zoom, stage, picture);
  const { width, height } = fittedSize(stage, picture);
  const within = (offset: number, side: number, stageSide: number): number => {
    const reach = Math.max(0, (side * zoom - stageSide) / 2);
    return reach === 0 ? 0 : Math.min(reach, Math.max(-reach, offset));
  };
  return { zoom, x: within(view.x, width, stage.width), y: within(view.y, height, stage.height) };
}

/** Another zoom, with what lies under `point` (from the stage's centre) staying there. */
export function zoomTo(view: View, zoom: number, point: Point, stage: Size, picture: Size): View {
  const wanted = clampZoom(zoom, stage, picture);
  const factor = wanted / view.zoom;
  const moved = { zoom: wanted, x: point.x - (point.x - view.x) * factor, y: point.y - (point.y - view.y) * factor };
  return clampView(moved, stage, picture);
}

export function panBy(view: View, by: Point, stage: Size, picture: Size): View {
  return clampView({ ...view, x: view.x + by.x, y: view.y + by.y }, stage, picture);
}

/** Where the picture is seen from left to right, in CSS pixels from the stage's left: the divider stays within. */
export function visibleSpan(view: View, stage: Size, picture: Size): { readonly from: number; readonly to: number } {
  const width = fittedSize(stage, picture).width * view.zoom;
  const left = stage.width / 2 + view.x - width / 2;
  return { from: Math.max(0, left), to: Math.min(stage.width, left + width) };
}
