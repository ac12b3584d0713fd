import type { Point } from '../../lib/view.ts';

export interface GestureTarget {
  isZoomed(): boolean;
  /** `point` is seen from the element's centre. */
  zoom(factor: number, point: Point): void;
  pan(by: Point): void;
  toggle(point: Point): void;
  /** A drag over a picture that is not zoomed. `x` is seen from the element's left. */
  slide(x: number): void;
}

const WHEEL_PACE = 0.0018;
const LINE = 16;

/** Turns wheel, drag, pinch and double click on an element into what they mean. Gives what undoes it. */
export function createGesture(element: HTMLElement, target: GestureTarget): () => void {
  const pointers = new Map<number, Point>();

  function seenFromCentre({ clientX, clientY }: MouseEvent): Point {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  function onWheel(event: WheelEvent): void {
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
    const factor = Math.exp(-event.deltaY * lines * WHEEL_PACE);
    // Who turns further out than the whole picture wants to scroll the page.
    if (factor < 1 && !target.isZoomed()) return;
    event.preventDefault();
    target.zoom(factor, seenFromCentre(event));
  }

  function onPointerDown(event: PointerEvent): void {
    if (event.button !== 0 || isControl(event.target)) return;
    pointers.set(event.pointerId, seenFromCentre(event));
    element.setPointerCapture(event.pointerId);
    if (pointers.size === 1 && !target.isZoomed() && event.pointerType === 'mouse') slideTo(event);
  }

  function onPointerMove(event: PointerEvent): void {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const after = seenFromCentre(event);
    pointers.set(event.pointerId, after);
    if (pointers.size === 2) pinch(event.pointerId, before, after);
    else if (target.isZoomed()) target.pan({ x: after.x - before.x, y: after.y - before.y });
    else slideTo(event);
  }

  function pinch(moved: number, before: Point, after: Point): void {
    const [, other] = [...pointers].find(([id]) => id !== moved) ?? [];
    if (other === undefined) return;
    const factor = distance(after, other) / Math.max(1, distance(before, other));
    target.zoom(factor, { x: (after.x + other.x) / 2, y: (after.y + other.y) / 2 });
    target.pan({ x: (after.x - before.x) / 2, y: (after.y - before.y) / 2 });
  }

  function slideTo({ clientX }: PointerEvent): void {
    target.slide(clientX - element.getBoundingClientRect().left);
  }

  const onPointerEnd = ({ pointerId }: PointerEvent): void => {
    pointers.delete(pointerId);
  };
  const onDoubleClick = (event: MouseEvent): void => {
    if (!isControl(event.target)) target.toggle(seenFromCentre(event));
  };

  const listening = new AbortController();
  const { signal } = listening;
  element.addEventListener('wheel', onWheel, { passive: false, signal });
  element.addEventListener('pointerdown', onPointerDown, { signal });
  element.addEventListener('pointermove', onPointerMove, { signal });
  element.addEventListener('pointerup', onPointerEnd, { signal });
  element.addEventListener('pointercancel', onPointerEnd, { signal });
  element.addEventListener('dblclick', onDoubleClick, { signal });
  return () => listening.abort();
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);

/** What lies on the stage and has a use of its own. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, a, input, select') !== null;
}
