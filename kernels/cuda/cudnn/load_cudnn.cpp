// cuDNN's functions, which load the library when the first is called.
#include <cudnn.h>

#include "base/load_library.hpp"

static void* library() {
  static void* const loaded = modr::load_library("libcudnn.so." + std::to_string(CUDNN_MAJOR), MODR_CUDNN_LIBRARY);
  return loaded;
}

size_t cudnnGetVersion() { MODR_CALL(cudnnGetVersion); }
const char* cudnnGetErrorString(cudnnStatus_t status) { MODR_CALL(cudnnGetErrorString, status); }
void cudnnGetLastErrorString(char* message, size_t most) { MODR_CALL(cudnnGetLastErrorString, message, most); }
cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) { MODR_CALL(cudnnCreate, handle); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) { MODR_CALL(cudnnSetStream, handle, stream); }
cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) { MODR_CALL(cudnnGetStream, handle, stream); }

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t* made) {
  MODR_CALL(cudnnBackendCreateDescriptor, type, made);
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t object) {
  MODR_CALL(cudnnBackendDestroyDescriptor, object);
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t object) { MODR_CALL(cudnnBackendFinalize, object); }
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t object, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  MODR_CALL(cudnnBackendSetAttribute, object, name, type, count, values);
}
cudnnStatus_t cudnnBackendGetAttribute(const cudnnBackendDescriptor_t object, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t most, int64_t* count, void* values) {
  MODR_CALL(cudnnBackendGetAttribute, object, name, type, most, count, values);
}
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack) {
  MODR_CALL(cudnnBackendExecute, handle, plan, pack);
}
