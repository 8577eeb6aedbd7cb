// In place of cuDNN's plans on the emulated device: attention by plain loops over what a plan is told.
#include <cuda_runtime.h>

#include <cmath>

#include "base/bfloat16.hpp"
#include "kernels/cuda/fused_attention_plan.hpp"
#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

namespace {

struct Work {
  FusedShape shape;
  FusedTensors t;
  int64_t workspace;
};

// One head of one sequence.
struct Head {
  const bfloat16 *qkv, *out, *dout;
  bfloat16* dqkv;
  int64_t width, dim, heads;
  float* log_sum_exp;

  __device__ Head(const Work& w, int64_t sequence, int64_t head)
      : width(w.shape.row_heads * w.shape.head_dim), dim(w.shape.head_dim), heads(w.shape.heads) {
    const int64_t in_qkv = w.t.in_qkv[sequence] + head * dim, in_out = w.t.in_out[sequence] + head * dim;
    qkv = static_cast<const bfloat16*>(w.t.qkv) + in_qkv;
    out = static_cast<const bfloat16*>(w.t.out) + in_out;
    if (w.shape.backward) {
      dout = static_cast<const bfloat16*>(w.t.dout) + in_out;
      dqkv = static_cast<bfloat16*>(w.t.dqkv) + in_qkv;
    }
    log_sum_exp = w.t.log_sum_exp + w.t.in_log_sum_exp[sequence] + head;
  }

  // Of a row: its query, key or value.
  __device__ const bfloat16* part(int64_t row, int64_t which) const { return qkv + (row * 3 + which) * width; }
  __device__ double dot(const bfloat16* a, const bfloat16* b) const {
    double sum = 0;
    for (int64_t d = 0; d < dim; ++d) sum += static_cast<double>(float(a[d])) * static_cast<double>(float(b[d]));
    return sum;
  }
  __device__ double score(int64_t query, int64_t key) const {
    return dot(part(query, 0), part(key, 1)) / std::sqrt(static_cast<double>(dim));
  }
  // Of a score, its weight and its gradient.
  __device__ double weight(int64_t query, int64_t key) const {
    return std::exp(score(query, key) - static_cast<double>(log_sum_exp[query * heads]));
  }
  __device__ double dscore(int64_t query, int64_t key) const {
    const bfloat16* const dout_row = dout + query * width;
    return weight(query, key) * (dot(dout_row, part(key, 2)) - dot(dout_row, out + query * width)) /
           std::sqrt(static_cast<double>(dim));
  }
};

// A sum of rows with weights, written as bf16.
struct Sum {
  double of[256] = {};

  __device__ void add(double weight, const bfloat16* row, int64_t dim) {
    for (int64_t d = 0; d < dim; ++d) of[d] += weight * static_cast<double>(float(row[d]));
  }
  __device__ void write(bfloat16* to, int64_t dim) const {
    for (int64_t d = 0; d < dim; ++d) to[d] = static_cast<bfloat16>(static_cast<float>(of[d]));
  }
};

__device__ void attend_row(const Head& h, int64_t row) {
  double most = -INFINITY, sum = 0;
  for (int64_t key = 0; key <= row; ++key) most = std::max(most, h.score(row, key));
  for (int64_t key = 0; key <= row; ++key) sum += std::exp(h.score(row, key) - most);
  h.log_sum_exp[row * h.heads] = static_cast<float>(most + std::log(sum));
  Sum out;
  for (int64_t key = 0; key <= row; ++key) out.add(std::exp(h.score(row, key) - most) / sum, h.part(key, 2), h.dim);
  out.write(const_cast<bfloat16*>(h.out) + row * h.width, h.dim);
}

__device__ void attend_row_backward(const Head& h, int64_t row, int64_t rows) {
  Sum dq, dk, dv;
  for (int64_t key = 0; key <= row; ++key) dq.add(h.dscore(row, key), h.part(key, 1), h.dim);
  for (int64_t query = row; query < rows; ++query) {
    dk.add(h.dscore(query, row), h.part(query, 0), h.dim);
    dv.add(h.weight(query, row), h.dout + query * h.width, h.dim);
  }
  bfloat16* const to = h.dqkv + row * 3 * h.width;
  dq.write(to, h.dim), dk.write(to + h.width, h.dim), dv.write(to + 2 * h.width, h.dim);
}

// A thread has a row: of [sequences, heads, longest].
__global__ void attend_rows(Work w) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, row = i % w.shape.longest;
  const int64_t sequence = i / w.shape.longest / w.shape.heads, head = i / w.shape.longest % w.shape.heads;
  if (i == 0) static_cast<std::byte*>(w.t.workspace)[w.workspace - 1] = std::byte{};  // all of it is there
  if (sequence >= w.shape.sequences || row >= w.t.lengths[sequence]) return;
  const Head h(w, sequence, head);
  if (w.shape.backward)
    attend_row_backward(h, row, w.t.lengths[sequence]);
  else
    attend_row(h, row);
}

class Loops final : public FusedPlan {
 public:
  explicit Loops(const FusedShape& shape) : shape_(shape) {}
  int64_t workspace() const override { return 4096; }
  std::string name() const override { return "loops"; }
  void run(Cuda on, const FusedTensors& t) const override {
    for (const void* memory : {t.qkv, static_cast<const void*>(t.out), t.dout, static_cast<const void*>(t.dqkv),
                               static_cast<const void*>(t.in_qkv), static_cast<const void*>(t.in_out),
                               static_cast<const void*>(t.in_log_sum_exp), static_cast<const void*>(t.lengths),
                               static_cast<const void*>(t.log_sum_exp), static_cast<const void*>(t.workspace)})
      if (reinterpret_cast<uintptr_t>(memory) % 16 != 0) throw Error("an address that is no multiple of 16");
    const int64_t threads = shape_.sequences * shape_.heads * shape_.longest;
    launch({blocks_for(threads, 128, INT32_MAX), 128, 0, stream_of(on)}, attend_rows, Work{shape_, t, workspace()});
  }

 private:
  const FusedShape shape_;
};

}  // namespace

bool has_fused_attention() { return true; }
FusedOffer plan_fused_attention(Cuda, const FusedShape& shape) { return {std::make_unique<const Loops>(shape), ""}; }
FusedOffer plan_fused_attention(const std::string&, const FusedShape&) { return {nullptr, "loops need no plan"}; }

}  // namespace modr::kernels
