// cuBLASLt's functions, which load the library when the first is called: linked, its relocations would take 190 MB and
// 0.1 s of every process, also of those that compute on the CPU.
#include <cublasLt.h>

#include "base/load_library.hpp"

static void* library() {
  static void* const loaded = modr::load_library("libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR), MODR_CUBLASLT);
  return loaded;
}

const char* cublasLtGetStatusString(cublasStatus_t status) { MODR_CALL(cublasLtGetStatusString, status); }
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { MODR_CALL(cublasLtCreate, handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t compute, cudaDataType_t scale) {
  MODR_CALL(cublasLtMatmulDescCreate, made, compute, scale);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  MODR_CALL(cublasLtMatmulDescDestroy, product);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  MODR_CALL(cublasLtMatmulDescSetAttribute, product, attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  MODR_CALL(cublasLtMatrixLayoutCreate, made, type, rows, columns, ld);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  MODR_CALL(cublasLtMatrixLayoutDestroy, layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  MODR_CALL(cublasLtMatmulPreferenceCreate, made);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  MODR_CALL(cublasLtMatmulPreferenceDestroy, preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  MODR_CALL(cublasLtMatmulPreferenceSetAttribute, preference, attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t results[], int* count) {
  MODR_CALL(cublasLtMatmulAlgoGetHeuristic, handle, product, a, b, c, d, preference, most, results, count);
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t of_a, const void* b, cublasLtMatrixLayout_t of_b,
                              const void* beta, const void* c, cublasLtMatrixLayout_t of_c, void* d,
                              cublasLtMatrixLayout_t of_d, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
  MODR_CALL(cublasLtMatmul, handle, product, alpha, a, of_a, b, of_b, beta, c, of_c, d, of_d, algorithm, workspace,
            workspace_bytes, stream);
}
