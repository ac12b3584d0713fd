/*
 * Stands in for CUDA 13's libraries where there is no card: memory is main memory, a copy is a copy, and nothing is computed. With it ONNX
 * Runtime's CUDA provider opens sessions and places nodes as on a card of compute capability 9.0. Its results mean nothing.
 * It is built once for each name of a library: see build-stand-in.ts.
 */
#include <stdlib.h>
#include <string.h>

/* What handles point at. */
static char handle[4096];

/* Offsets of struct cudaDeviceProp, in bytes, and numbers of enum cudaDeviceAttr, both of CUDA 13. */
static void put(char *properties, int offset, int value) { memcpy(properties + offset, &value, sizeof value); }

int cudaGetDeviceProperties(char *properties, int device) {
  size_t memory = (size_t)80 << 30, shared = 49152, shared_optin = 232448, shared_all = 233472;
  memset(properties, 0, 1008);
  strcpy(properties, "Stand-in");
  memcpy(properties + 288, &memory, sizeof memory);
  memcpy(properties + 296, &shared, sizeof shared);
  memcpy(properties + 624, &shared_all, sizeof shared_all);
  memcpy(properties + 672, &shared_optin, sizeof shared_optin);
  put(properties, 304, 65536);      /* regsPerBlock */
  put(properties, 308, 32);         /* warpSize */
  put(properties, 320, 1024);       /* maxThreadsPerBlock */
  put(properties, 324, 1024);       /* maxThreadsDim */
  put(properties, 328, 1024);
  put(properties, 332, 64);
  put(properties, 336, 2147483647); /* maxGridSize */
  put(properties, 340, 65535);
  put(properties, 344, 65535);
  put(properties, 360, 9);          /* major */
  put(properties, 384, 132);        /* multiProcessorCount */
  put(properties, 604, 2048);       /* maxThreadsPerMultiProcessor */
  return 0;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 1: *value = 1024; return 0;    /* maxThreadsPerBlock */
    case 8: *value = 49152; return 0;   /* maxSharedMemoryPerBlock */
    case 10: *value = 32; return 0;     /* warpSize */
    case 16: *value = 132; return 0;    /* multiProcessorCount */
    case 75: *value = 9; return 0;      /* computeCapabilityMajor */
    case 76: *value = 0; return 0;      /* computeCapabilityMinor */
    case 97: *value = 232448; return 0; /* maxSharedMemoryPerBlockOptin */
    default: *value = 1; return 0;
  }
}

int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaSetDevice(int device) { return 0; }
int cudaDriverGetVersion(int *version) { *version = 13000; return 0; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }
int cudaMemGetInfo(size_t *free, size_t *total) { *free = (size_t)70 << 30; *total = (size_t)80 << 30; return 0; }
int cudaMalloc(void **at, size_t size) { *at = aligned_alloc(256, (size + 511) / 256 * 256); return *at ? 0 : 2; }
int cudaMallocHost(void **at, size_t size) { return cudaMalloc(at, size); }
int cudaHostAlloc(void **at, size_t size, unsigned flags) { return cudaMalloc(at, size); }
int cudaMallocFromPoolAsync(void **at, size_t size, void *pool, void *stream) { return cudaMalloc(at, size); }
int cudaFree(void *at) { free(at); return 0; }
int cudaFreeHost(void *at) { free(at); return 0; }
int cudaFreeAsync(void *at, void *stream) { free(at); return 0; }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) { memcpy(to, from, size); return 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) { memcpy(to, from, size); return 0; }
int cudaMemset(void *at, int value, size_t size) { memset(at, value, size); return 0; }
int cudaMemsetAsync(void *at, int value, size_t size, void *stream) { memset(at, value, size); return 0; }
int cudaStreamCreate(void **stream) { *stream = handle; return 0; }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { *stream = handle; return 0; }
int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }
int cudaEventCreate(void **event) { *event = handle; return 0; }
int cudaEventCreateWithFlags(void **event, unsigned flags) { *event = handle; return 0; }
int cudaEventElapsedTime(float *milliseconds, void *from, void *to) { *milliseconds = 1; return 0; }
int cudaPointerGetAttributes(int *attributes, const void *at) { memset(attributes, 0, 88); attributes[0] = 2; return 0; }
int cudaFuncGetAttributes(char *attributes, const void *kernel) { memset(attributes, 0, 144); put(attributes, 24, 1024); return 0; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel, int size, size_t shared, unsigned flags) {
  *blocks = 2;
  return 0;
}
int cudaGetDriverEntryPointByVersion(const char *name, void **entry, unsigned version, unsigned long long flags, int *status) {
  *entry = 0;
  if (status) *status = 1;
  return 0;
}
const char *cudaGetErrorString(int error) { return "none"; }
const char *cudaGetErrorName(int error) { return "none"; }
const char *cublasGetStatusName(int status) { return "none"; }
const char *cublasGetStatusString(int status) { return "none"; }
void **__cudaRegisterFatBinary(void *binary) { return (void **)handle; }
int __cudaPopCallConfiguration(void *grid, void *block, size_t *shared, void *stream) { return 0; }

/* The others succeed and do nothing. */
#define CREATES(name) int name(void **created) { *created = handle; return 0; }
#define SUCCEEDS(name) int name(void) { return 0; }
CREATES(cublasCreate_v2) CREATES(cublasLtCreate) CREATES(cublasLtMatmulDescCreate) CREATES(cublasLtMatmulPreferenceCreate)
CREATES(cublasLtMatrixLayoutCreate) CREATES(cublasLtMatrixTransformDescCreate)
SUCCEEDS(__cudaGetKernel) SUCCEEDS(__cudaLaunchKernel) SUCCEEDS(__cudaPushCallConfiguration)
SUCCEEDS(__cudaRegisterFatBinaryEnd) SUCCEEDS(__cudaRegisterFunction) SUCCEEDS(__cudaRegisterVar)
SUCCEEDS(__cudaUnregisterFatBinary) SUCCEEDS(cublasDcopy_v2) SUCCEEDS(cublasDestroy_v2) SUCCEEDS(cublasDgeam)
SUCCEEDS(cublasDgemmBatched) SUCCEEDS(cublasDgemmStridedBatched) SUCCEEDS(cublasDgemm_v2) SUCCEEDS(cublasDgetrfBatched)
SUCCEEDS(cublasDgetriBatched) SUCCEEDS(cublasGemmBatchedEx) SUCCEEDS(cublasGemmEx) SUCCEEDS(cublasGemmStridedBatchedEx)
SUCCEEDS(cublasGetMathMode) SUCCEEDS(cublasLtDestroy) SUCCEEDS(cublasLtMatmul) SUCCEEDS(cublasLtMatmulAlgoConfigSetAttribute)
SUCCEEDS(cublasLtMatmulAlgoGetHeuristic) SUCCEEDS(cublasLtMatmulAlgoInit) SUCCEEDS(cublasLtMatmulDescDestroy)
SUCCEEDS(cublasLtMatmulDescSetAttribute) SUCCEEDS(cublasLtMatmulPreferenceDestroy)
SUCCEEDS(cublasLtMatmulPreferenceSetAttribute) SUCCEEDS(cublasLtMatrixLayoutDestroy) SUCCEEDS(cublasLtMatrixLayoutSetAttribute)
SUCCEEDS(cublasLtMatrixTransform) SUCCEEDS(cublasLtMatrixTransformDescDestroy) SUCCEEDS(cublasScopy_v2)
SUCCEEDS(cublasSetMathMode) SUCCEEDS(cublasSetStream_v2) SUCCEEDS(cublasSgeam) SUCCEEDS(cublasSgemmBatched)
SUCCEEDS(cublasSgemmStridedBatched) SUCCEEDS(cublasSgemm_v2) SUCCEEDS(cublasSgetrfBatched) SUCCEEDS(cublasSgetriBatched)
SUCCEEDS(cublasSscal_v2) SUCCEEDS(cudaDeviceSynchronize) SUCCEEDS(cudaEventDestroy) SUCCEEDS(cudaEventRecord)
SUCCEEDS(cudaEventSynchronize) SUCCEEDS(cudaFuncSetAttribute) SUCCEEDS(cudaGetLastError) SUCCEEDS(cudaGraphDestroy)
SUCCEEDS(cudaGraphExecDestroy) SUCCEEDS(cudaGraphInstantiate) SUCCEEDS(cudaGraphLaunch)
SUCCEEDS(cudaKernelSetAttributeForDevice) SUCCEEDS(cudaLaunchCooperativeKernel) SUCCEEDS(cudaLaunchHostFunc)
SUCCEEDS(cudaLaunchKernel) SUCCEEDS(cudaLaunchKernelExC) SUCCEEDS(cudaLibraryGetKernel) SUCCEEDS(cudaLibraryLoadData)
SUCCEEDS(cudaLibraryUnload) SUCCEEDS(cudaMemPoolCreate) SUCCEEDS(cudaMemPoolDestroy) SUCCEEDS(cudaMemPoolGetAttribute)
SUCCEEDS(cudaMemPoolSetAttribute) SUCCEEDS(cudaMemPoolTrimTo) SUCCEEDS(cudaMemcpy2DAsync) SUCCEEDS(cudaMemcpyFromSymbol)
SUCCEEDS(cudaPeekAtLastError) SUCCEEDS(cudaStreamBeginCapture) SUCCEEDS(cudaStreamDestroy) SUCCEEDS(cudaStreamEndCapture)
SUCCEEDS(cudaStreamSynchronize) SUCCEEDS(cudaStreamWaitEvent) SUCCEEDS(cuTensorMapEncodeTiled) SUCCEEDS(curandCreateGenerator)
