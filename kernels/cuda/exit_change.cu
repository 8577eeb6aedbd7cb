#include "kernels/api/exit_change.hpp"

#include <cmath>

#include "base/bfloat16.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/reduce.hpp"

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
  const double change = cosine ? block_sum(dot) / std::sqrt(norm * block_sum(norm_before))
                               : std::sqrt(block_sum(difference) / norm);
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
  double* changes = nullptr;
  check_cuda(cudaMallocAsync(&changes, static_cast<std::size_t>(rows) * sizeof(double), stream), "room for changes");
  launch({static_cast<unsigned>(rows), threads_of_row(width, 4), 0, stream}, change_of_rows<T>, x, before, width, cosine,
         changes);
  launch({1, threads_of_row(std::min<int64_t>(rows, 256), 1), 0, stream}, mean_change, changes, rows, cosine, value);
  check_cuda(cudaFreeAsync(changes, stream), "room for changes");
}
template void latent_change(Cuda, const float*, const float*, int64_t, int64_t, bool, double*);
template void latent_change(Cuda, const double*, const double*, int64_t, int64_t, bool, double*);
template void latent_change(Cuda, const bfloat16*, const bfloat16*, int64_t, int64_t, bool, double*);

namespace {

// What follows is of one block; a thread reads of p [n] only what it wrote.

// p = f(p), and the sum of it.
template <typename F>
__device__ double apply(F f, double* p, int64_t n) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += p[i] = f(p[i], i);
  return block_sum(sum);
}

template <typename T>
__global__ void __launch_bounds__(512)
    change_of_distribution(const T* logits, int64_t n, DistributionChange what, double* p, double* before,
                           double* value) {
  double largest = -static_cast<double>(INFINITY);
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) largest = larger(largest, static_cast<double>(logits[i]));
  largest = block_max(largest);
  double sum = apply([=](double, int64_t i) { return std::exp(static_cast<double>(logits[i]) - largest); }, p, n);
  if (what == DistributionChange::minp_kl) {
    const double bound = 0.1 * (1 / sum);  // (the largest is exp(0))
    const auto flat = [=](double e, int64_t) { return e / sum < bound ? 1.0 / static_cast<double>(n) : e / sum; };
    sum = apply(flat, p, n);
  }
  double change = 0;
  if (what == DistributionChange::entropy) {
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) change -= p[i] / sum * std::log(p[i] / sum + 1e-10);
    change = block_sum(change);
    if (threadIdx.x != 0) return;
    *value = std::abs(change - *before);
    *before = change;
    return;
  }
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    const double was = before[i], is = p[i] / sum;
    if (was > 0) change += was * (std::log(was) - std::log(is));
    before[i] = is;
  }
  change = block_sum(change);
  if (threadIdx.x == 0) *value = change;
}

}  // namespace

template <typename T>
void distribution_change(Cuda on, const T* logits, int64_t n, DistributionChange what, double* before, double* value) {
  const cudaStream_t stream = stream_of(on);
  double* p = nullptr;
  check_cuda(cudaMallocAsync(&p, static_cast<std::size_t>(n) * sizeof(double), stream), "room for a distribution");
  launch({1, threads_of_row(n, 4), 0, stream}, change_of_distribution<T>, logits, n, what, p, before, value);
  check_cuda(cudaFreeAsync(p, stream), "room for a distribution");
}
template void distribution_change(Cuda, const float*, int64_t, DistributionChange, double*, double*);
template void distribution_change(Cuda, const double*, int64_t, DistributionChange, double*, double*);

}  // namespace modr::kernels
