#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "kernels/cuda/cublaslt.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

constexpr std::size_t most_workspace = 32 << 20;  // what NVIDIA advises for Hopper
constexpr std::size_t most_plans = 4096;          // batches of any number of rows may come

std::string text_of(const GemmShape& s) {
  return std::string("a product of ") + (s.transpose_a ? "a transposed " : "") + std::to_string(s.m) + " x " +
         std::to_string(s.k) + " and " + (s.transpose_b ? "a transposed " : "") + std::to_string(s.k) + " x " +
         std::to_string(s.n) + ", rows " + std::to_string(s.lda) + ", " + std::to_string(s.ldb) + " and " +
         std::to_string(s.ldc) + " long";
}

// What cuBLASLt's objects of one kind are destroyed by.
struct Destroy {
  void operator()(cublasLtMatmulDesc_t object) const { cublasLtMatmulDescDestroy(object); }
  void operator()(cublasLtMatrixLayout_t object) const { cublasLtMatrixLayoutDestroy(object); }
  void operator()(cublasLtMatmulPreference_t object) const { cublasLtMatmulPreferenceDestroy(object); }
};
template <typename Object>
using Owned = std::unique_ptr<std::remove_pointer_t<Object>, Destroy>;

// Bytes that an address is a multiple of, at most 256: fast algorithms want 16 and more.
uint32_t alignment_of(const void* memory) {
  uint32_t bytes = 256;
  while (reinterpret_cast<uintptr_t>(memory) % bytes != 0) bytes /= 2;
  return bytes;
}

// All that the choice of an algorithm depends on.
struct PlanKey {
  int device;
  ProductTypes types;
  bool transpose_a, transpose_b;
  int64_t m, n, k, lda, ldb, ldc;
  uint32_t align_a, align_b, align_c;
  auto operator<=>(const PlanKey&) const = default;
};

struct Plan {
  Owned<cublasLtMatmulDesc_t> product;
  Owned<cublasLtMatrixLayout_t> left, right, result;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace;
};

// Rows of `columns` values, `ld` apart, are to cuBLASLt the columns of the matrix transposed.
Owned<cublasLtMatrixLayout_t> layout_of(cudaDataType_t type, int64_t rows, int64_t columns, int64_t ld) {
  cublasLtMatrixLayout_t layout = nullptr;
  check_cublas(
      cublasLtMatrixLayoutCreate(&layout, type, static_cast<uint64_t>(columns), static_cast<uint64_t>(rows), ld),
      "a matrix layout");
  return Owned<cublasLtMatrixLayout_t>(layout);
}

Owned<cublasLtMatmulDesc_t> product_of(const PlanKey& key) {
  cublasLtMatmulDesc_t made = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&made, key.types.compute, key.types.scale), "a product's description");
  Owned<cublasLtMatmulDesc_t> product(made);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    const int32_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check_cublas(cublasLtMatmulDescSetAttribute(made, attribute, &operation, sizeof operation),
                 "a product's operation");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b);  // C^T = op(B)^T op(A)^T
  set(CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a);
  return product;
}

Owned<cublasLtMatmulPreference_t> preference_of(const PlanKey& key) {
  cublasLtMatmulPreference_t made = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&made), "a preference");
  Owned<cublasLtMatmulPreference_t> preference(made);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(made, attribute, &value, sizeof value), "a preference");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{most_workspace});
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.align_b);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.align_a);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.align_c);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.align_c);
  return preference;
}

// A device's handle and what was planned on it, for all threads.
class Planner {
 public:
  /// Of the device that is the calling thread's. Never destroyed: CUDA may be gone before static objects are.
  static Planner& of(int device) {
    static std::mutex mutex;
    static auto& all = *new std::map<int, Planner>;
    const std::lock_guard lock(mutex);
    return all[device];
  }

  cublasLtHandle_t handle() {
    const std::lock_guard lock(mutex_);
    if (handle_ == nullptr) check_cublas(cublasLtCreate(&handle_), "start of the library");
    return handle_;
  }

  std::shared_ptr<const Plan> plan(const PlanKey& key, const GemmShape& shape) {
    cublasLtHandle_t with = handle();
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(key);
    if (found != plans_.end()) return found->second;
    if (plans_.size() >= most_plans) plans_.clear();
    return plans_[key] = make(with, key, shape);
  }

 private:
  static std::shared_ptr<const Plan> make(cublasLtHandle_t handle, const PlanKey& key, const GemmShape& s) {
    const ProductTypes& types = key.types;
    Plan plan{product_of(key),
              layout_of(types.factors, s.transpose_b ? s.n : s.k, s.transpose_b ? s.k : s.n, s.ldb),
              layout_of(types.factors, s.transpose_a ? s.k : s.m, s.transpose_a ? s.m : s.k, s.lda),
              layout_of(types.result, s.m, s.n, s.ldc),
              {},
              0};
    const Owned<cublasLtMatmulPreference_t> preference = preference_of(key);
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    check_cublas(
        cublasLtMatmulAlgoGetHeuristic(handle, plan.product.get(), plan.left.get(), plan.right.get(), plan.result.get(),
                                       plan.result.get(), preference.get(), 1, &best, &found),
        "no algorithm for " + text_of(s));
    check_cublas(found > 0 ? best.state : CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm for " + text_of(s));
    plan.algorithm = best.algo;
    plan.workspace = best.workspaceSize;
    return std::make_shared<const Plan>(std::move(plan));
  }

  std::mutex mutex_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<PlanKey, std::shared_ptr<const Plan>> plans_;
};

}  // namespace

void multiply(Cuda on, const ProductTypes& types, const GemmShape& s, const void* alpha, const void* a, const void* b,
              const void* beta, void* c) {
  const cudaStream_t stream = stream_of(on);
  const PlanKey key{on.device, types,           s.transpose_a,   s.transpose_b,  s.m, s.n, s.k, s.lda, s.ldb,
                    s.ldc,     alignment_of(a), alignment_of(b), alignment_of(c)};
  Planner& planner = Planner::of(on.device);
  const std::shared_ptr<const Plan> plan = planner.plan(key, s);
  const Scratch workspace(on, plan->workspace);
  const cublasStatus_t status = cublasLtMatmul(planner.handle(), plan->product.get(), alpha, b, plan->left.get(), a,
                                               plan->right.get(), beta, c, plan->result.get(), c, plan->result.get(),
                                               &plan->algorithm, workspace.as<void>(), plan->workspace, stream);
  check_cublas(status, text_of(s));
}

}  // namespace modr::kernels
