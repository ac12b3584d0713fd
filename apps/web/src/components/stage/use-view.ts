import type { Size } from '@qwen-edit/contract';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clampView, FITTED, panBy, type View, zoomOfOriginal, zoomTo } from '../../lib/view.ts';
import { createGesture } from './gesture.ts';

export interface ViewControl {
  /** Around the picture and its tools: takes the keys. */
  readonly root: RefObject<HTMLDivElement | null>;
  /** Around the picture: takes wheel and pointers. */
  readonly ref: RefObject<HTMLDivElement | null>;
  /** undefined before the first look at the page. */
  readonly stage: Size | undefined;
  readonly view: View;
  zoomBy(factor: number): void;
  fit(): void;
  original(): void;
}

const STEP = 1.4;
const DOUBLE_CLICK_ZOOM = 2.5;
const PAN_STEP = 60;

/** Zoom and pan of a picture on its stage: wheel, drag, pinch, double click and keys. */
export function useView(picture: Size | undefined, onSlide: ((x: number) => void) | undefined): ViewControl {
  const root = useRef<HTMLDivElement>(null);
  const ref = useRef<HTMLDivElement>(null);
  const [stage, setStage] = useState<Size | undefined>(undefined);
  const [view, setView] = useState<View>(FITTED);
  const latest = useRef({ stage, view, picture, onSlide });
  latest.current = { stage, view, picture, onSlide };

  function change(next: (view: View, stage: Size, picture: Size) => View): void {
    const { stage: on, picture: shown, view: from } = latest.current;
    if (on === undefined || shown === undefined) return;
    const to = next(from, on, shown);
    latest.current.view = to;
    setView(to);
  }

  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = (): void => setStage({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => change(clampView), [stage]);
  useEffect(() => setView(FITTED), [picture?.width, picture?.height]);

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    return createGesture(element, {
      isZoomed: () => latest.current.view.zoom > 1,
      zoom: (factor, point) => change((from, on, shown) => zoomTo(from, from.zoom * factor, point, on, shown)),
      pan: (by) => change((from, on, shown) => panBy(from, by, on, shown)),
      toggle: (point) =>
        change((from, on, shown) => (from.zoom > 1 ? FITTED : zoomTo(from, DOUBLE_CLICK_ZOOM, point, on, shown))),
      slide: (x) => latest.current.onSlide?.(x),
    });
  }, []);

  const centre = { x: 0, y: 0 };
  const zoomBy = (factor: number): void =>
    change((from, on, shown) => zoomTo(from, from.zoom * factor, centre, on, shown));
  const pan = (x: number, y: number): void => change((from, on, shown) => panBy(from, { x, y }, on, shown));
  const keys: Readonly<Record<string, () => void>> = {
    '+': () => zoomBy(STEP),
    '=': () => zoomBy(STEP),
    '-': () => zoomBy(1 / STEP),
    '0': () => setView(FITTED),
    ArrowLeft: () => pan(PAN_STEP, 0),
    ArrowRight: () => pan(-PAN_STEP, 0),
    ArrowUp: () => pan(0, PAN_STEP),
    ArrowDown: () => pan(0, -PAN_STEP),
  };

  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    const onKeyDown = (event: KeyboardEvent): void => {
      const pans = event.key.startsWith('Arrow');
      const act = keys[event.key];
      if (act === undefined || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (pans && latest.current.view.zoom === 1) return;
      event.preventDefault();
      act();
    };
    element.addEventListener('keydown', onKeyDown);
    return () => element.removeEventListener('keydown', onKeyDown);
  }, []);

  return {
    root,
    ref,
    stage,
    view,
    zoomBy,
    fit: () => setView(FITTED),
    original: () => change((from, on, shown) => zoomTo(from, zoomOfOriginal(on, shown), centre, on, shown)),
  };
}
