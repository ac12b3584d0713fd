import '../process/pipeline.ts';
