import '../sampling/noise.ts';
