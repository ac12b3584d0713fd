import '../weights/weights.ts';
