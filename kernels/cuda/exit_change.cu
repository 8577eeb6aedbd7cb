#include <cfloat>
#include <cmath>

#include "base/bfloat16.hpp"
#include "kernels/api/exit_change.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

// A block a row: what the mean is of.
template <typename T>
__global__ void __launch_bounds__(512)
    change_of_rows(const T* x, const T* before, int64_t width, bool cosine, double* changes) {
  const int64_t first = blockIdx.x * width;
  double difference = 0, norm = 0, norm_before = 0, dot = 0;
  for (int64_t i = first + threadIdx.x; i < first + width; i += blockDim.x) {
    const auto a = static_cast<double>(static_cast<Exact<T>>(x[i]));
    const auto b = static_cast<double>(static_cast<Exact<T>>(before[i]));
    difference += (a - b) * (a - b);
    norm += a * a;
    norm_before += b * b;
    dot += a * b;
  }
  norm = block_sum(norm);
  const double change =
      cosine ? block_sum(dot) / std::sqrt(norm * block_sum(norm_before)) : std::sqrt(block_sum(difference) / norm);
  if (threadIdx.x == 0) changes[blockIdx.x] = change;
}

__global__ void __launch_bounds__(256) mean_change(const double* changes, int64_t rows, bool cosine, double* value) {
  double sum = 0;
  for (int64_t row = threadIdx.x; row < rows; row += blockDim.x) sum += changes[row];
  const double mean = block_sum(sum) / static_cast<double>(rows);
  if (threadIdx.x == 0) *value = cosine ? 1 - mean : mean;
}

}  // namespace

template <typename T>
void latent_change(Cuda on, const T* x, const T* before, int64_t rows, int64_t width, bool cosine, double* value) {
  const cudaStream_t stream = stream_of(on);
  const Scratch scratch(on, static_cast<std::size_t>(rows) * sizeof(double));
  double* changes = scratch.as<double>();
  launch({static_cast<unsigned>(rows), threads_of_row(width, 4), 0, stream}, change_of_rows<T>, x, before, width,
         cosine, changes);
  launch({1, threads_of_row(std::min<int64_t>(rows, 256), 1), 0, stream}, mean_change, changes, rows, cosine, value);
}
template void latent_change(Cuda, const float*, const float*, int64_t, int64_t, bool, double*);
template void latent_change(Cuda, const double*, const double*, int64_t, int64_t, bool, double*);
template void latent_change(Cuda, const bfloat16*, const bfloat16*, int64_t, int64_t, bool, double*);

namespace {

// Logits are looked at in parts, each by a block; how many depends on n alone. What the parts found:
constexpr int threads = 256, most_parts = 64;
constexpr int64_t values_of_part = 1024;
struct Parts {
  double largest[most_parts], sum[most_parts];  // of exp(logit - largest)
  double flat_sum[most_parts];                  // of what Softmax::flat_at() gives
  double change[most_parts];
};

// Calls f(i) for the values of the block's part.
template <typename F>
__device__ void for_part(int64_t n, F f) {
  const int64_t part = blockIdx.x, parts = gridDim.x;
#pragma unroll 1
  for (int64_t i = n * part / parts + threadIdx.x; i < n * (part + 1) / parts; i += blockDim.x) f(i);
}

// The sum over the parts, the same in each thread.
__device__ inline double sum_of_parts(const double (&of)[most_parts], unsigned parts) {
  return block_sum(threadIdx.x < parts ? of[threadIdx.x] : 0.0);
}

template <typename T>
__global__ void __launch_bounds__(threads) sum_parts(const T* logits, int64_t n, Parts* found) {
  double largest = -DBL_MAX, sum = 0;  // (not -inf, of which a part may have nothing else)
  for_part(n, [&](int64_t i) { largest = larger(largest, static_cast<double>(logits[i])); });
  largest = block_max(largest);
  for_part(n, [&](int64_t i) { sum += std::exp(static_cast<double>(logits[i]) - largest); });
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  found->largest[blockIdx.x] = largest;
  found->sum[blockIdx.x] = sum;
}

// softmax(logits); all threads of a block must come for it.
template <typename T>
struct Softmax {
  __device__ Softmax(const T* logits_, const Parts* found) : logits(logits_) {
    const bool is_part = threadIdx.x < gridDim.x;
    const double of_part = is_part ? found->largest[threadIdx.x] : -DBL_MAX;
    largest = block_max(of_part);
    sum = block_sum(is_part ? found->sum[threadIdx.x] * std::exp(of_part - largest) : 0.0);
  }
  __device__ double at(int64_t i) const { return std::exp(static_cast<double>(logits[i]) - largest) / sum; }
  /// 1 / n where it is under a tenth of the largest, 1 / sum.
  __device__ double flat_at(int64_t i, int64_t n) const {
    const double p = at(i);
    return p < 0.1 * (1 / sum) ? 1.0 / static_cast<double>(n) : p;
  }
  const T* logits;
  double largest, sum;
};

template <typename T>
__global__ void __launch_bounds__(threads) flatten_parts(const T* logits, int64_t n, Parts* found) {
  const Softmax<T> softmax(logits, found);
  double sum = 0;
  for_part(n, [&](int64_t i) { sum += softmax.flat_at(i, n); });
  sum = block_sum(sum);
  if (threadIdx.x == 0) found->flat_sum[blockIdx.x] = sum;
}

template <typename T>
__global__ void __launch_bounds__(threads)
    change_of_parts(const T* logits, int64_t n, DistributionChange what, Parts* found, double* before) {
  const Softmax<T> softmax(logits, found);
  const bool is_flat = what == DistributionChange::minp_kl;
  const double flat_sum = is_flat ? sum_of_parts(found->flat_sum, gridDim.x) : 1;
  double change = 0;
  for_part(n, [&](int64_t i) {
    const double p = is_flat ? softmax.flat_at(i, n) / flat_sum : softmax.at(i);
    if (what == DistributionChange::entropy) {
      change -= p * std::log(p + 1e-10);
    } else {
      const double was = before[i];
      if (was > 0) change += was * (std::log(was) - std::log(p));
      before[i] = p;
    }
  });
  change = block_sum(change);
  if (threadIdx.x == 0) found->change[blockIdx.x] = change;
}

__global__ void __launch_bounds__(most_parts)
    add_changes(const Parts* found, unsigned parts, DistributionChange what, double* before, double* value) {
  const double change = sum_of_parts(found->change, parts);
  if (threadIdx.x != 0) return;
  *value = what == DistributionChange::entropy ? std::abs(change - *before) : change;
  if (what == DistributionChange::entropy) *before = change;
}

}  // namespace

template <typename T>
void distribution_change(Cuda on, const T* logits, int64_t n, DistributionChange what, double* before, double* value) {
  const unsigned parts = blocks_for(n, values_of_part, most_parts);
  const Launch all{parts, threads, 0, stream_of(on)};
  const Scratch scratch(on, sizeof(Parts));
  Parts* found = scratch.as<Parts>();
  launch(all, sum_parts<T>, logits, n, found);
  if (what == DistributionChange::minp_kl) launch(all, flatten_parts<T>, logits, n, found);
  launch(all, change_of_parts<T>, logits, n, what, found, before);
  launch({1, most_parts, 0, all.stream}, add_changes, found, parts, what, before, value);
}
template void distribution_change(Cuda, const float*, int64_t, DistributionChange, double*, double*);
template void distribution_change(Cuda, const double*, int64_t, DistributionChange, double*, double*);

}  // namespace modr::kernels
