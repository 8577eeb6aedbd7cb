// Stands in for the GPU's driver, libcuda.so.1: as much as cuDNN needs to compile a plan for a GPU that is not here.
// What it loads goes nowhere; all that would run something fails.
namespace {
constexpr int success = 0, no_device = 100;
int nothing;  // what handles point to
int give(void** handle) {
  *handle = &nothing;
  return success;
}
int give_text(const char** text) {
  *text = "no driver";
  return success;
}
}  // namespace

extern "C" {
int cuInit(unsigned) { return no_device; }
int cuDeviceGetCount(int* count) {
  *count = 1;
  return success;
}
int cuDriverGetVersion(int* version) {
  *version = 13000;
  return success;
}
int cuGetErrorName(int, const char** text) { return give_text(text); }
int cuGetErrorString(int, const char** text) { return give_text(text); }
int cuLibraryLoadData(void** library) { return give(library); }
int cuLibraryGetKernel(void** kernel) { return give(kernel); }
int cuLibraryUnload(void*) { return success; }

// That these are there is all that is asked.
#define MODR_MISSING(name) \
  int name() { return no_device; }
MODR_MISSING(cuCtxGetCurrent)
MODR_MISSING(cuCtxGetDevice)
MODR_MISSING(cuCtxGetLimit)
MODR_MISSING(cuCtxPopCurrent)
MODR_MISSING(cuCtxPushCurrent)
MODR_MISSING(cuDeviceGet)
MODR_MISSING(cuDeviceGetAttribute)
MODR_MISSING(cuDevicePrimaryCtxRelease)
MODR_MISSING(cuDevicePrimaryCtxReset)
MODR_MISSING(cuDevicePrimaryCtxRetain)
MODR_MISSING(cuFuncGetAttribute)
MODR_MISSING(cuFuncSetAttribute)
MODR_MISSING(cuKernelGetAttribute)
MODR_MISSING(cuKernelSetAttribute)
MODR_MISSING(cuLaunchCooperativeKernel)
MODR_MISSING(cuLaunchKernel)
MODR_MISSING(cuLaunchKernelEx)
MODR_MISSING(cuLibraryLoadFromFile)
MODR_MISSING(cuLinkAddData)
MODR_MISSING(cuLinkAddData_v2)
MODR_MISSING(cuLinkAddFile_v2)
MODR_MISSING(cuLinkComplete)
MODR_MISSING(cuLinkCreate)
MODR_MISSING(cuLinkCreate_v2)
MODR_MISSING(cuLinkDestroy)
MODR_MISSING(cuMemcpyDtoH_v2)
MODR_MISSING(cuModuleGetFunction)
MODR_MISSING(cuModuleGetGlobal_v2)
MODR_MISSING(cuModuleLoadData)
MODR_MISSING(cuModuleLoadDataEx)
MODR_MISSING(cuModuleLoadFatBinary)
MODR_MISSING(cuModuleUnload)
MODR_MISSING(cuOccupancyMaxActiveBlocksPerMultiprocessor)
MODR_MISSING(cuOccupancyMaxPotentialClusterSize)
MODR_MISSING(cuStreamGetCtx)
MODR_MISSING(cuStreamSynchronize)
MODR_MISSING(cuTensorMapEncodeTiled)
}
