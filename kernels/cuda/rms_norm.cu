#include "kernels/api/rms_norm.hpp"

#include <initializer_list>

#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

constexpr int kept = 4;  // packs of a row that a thread holds in registers

// Threads for a row of so many packs, whole warps.
unsigned threads_of(int64_t packs) {
  constexpr int64_t warp = 32, most = 512;
  return static_cast<unsigned>(std::clamp((packs + kept * warp - 1) / (kept * warp) * warp, warp, most));
}

template <typename T>
constexpr int values_a_pack() {
  return static_cast<int>(16 / sizeof(Exact<T>));
}

// Pack `i` of s = x + residual of a row.
template <int count, typename T>
__device__ Pack<Exact<T>, count> load_sum(const T* x, const T* residual, int64_t i) {
  const Pack<T, count> a = reinterpret_cast<const Pack<T, count>*>(x)[i];
  Pack<Exact<T>, count> s;
  if (residual == nullptr) {
#pragma unroll
    for (int j = 0; j < count; ++j) s.of[j] = static_cast<Exact<T>>(a.of[j]);
  } else {
    const Pack<T, count> b = reinterpret_cast<const Pack<T, count>*>(residual)[i];
#pragma unroll
    for (int j = 0; j < count; ++j) s.of[j] = static_cast<Exact<T>>(a.of[j]) + static_cast<Exact<T>>(b.of[j]);
  }
  return s;
}

// One block a row, which it keeps in registers as far as `kept` packs a thread go; what is beyond is read again, from
// the cache.
template <int count, typename T>
__global__ void __launch_bounds__(512) norm_rows(RmsNorm<T> a) {
  using E = Exact<T>;
  const int64_t row = blockIdx.x, packs = a.width / count, step = blockDim.x, first = threadIdx.x;
  const T* x = a.x + row * a.width;
  const T* residual = a.residual == nullptr ? nullptr : a.residual + row * a.width;
  Pack<E, count> s[kept];
  E squares = 0;
  const auto add = [&](const Pack<E, count>& values) {
#pragma unroll
    for (int j = 0; j < count; ++j) squares += values.of[j] * values.of[j];
  };
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const int64_t i = first + k * step;
    if (i < packs) add(s[k] = load_sum<count>(x, residual, i));
  }
  for (int64_t i = first + kept * step; i < packs; i += step) add(load_sum<count>(x, residual, i));
  const E inverse = E{1} / sqrt(block_sum(squares) / static_cast<E>(a.width) + a.eps);
  if (threadIdx.x == 0) a.inverse_rms[row] = inverse;
  const auto write = [&](int64_t i, const Pack<E, count>& values) {
    const Pack<E, count> weight = reinterpret_cast<const Pack<E, count>*>(a.weight)[i];
    Pack<T, count> y;
#pragma unroll
    for (int j = 0; j < count; ++j) y.of[j] = static_cast<T>(values.of[j] * inverse * weight.of[j]);
    reinterpret_cast<Pack<T, count>*>(a.y + row * a.width)[i] = y;
  };
#pragma unroll
  for (int k = 0; k < kept; ++k)
    if (first + k * step < packs) write(first + k * step, s[k]);
  for (int64_t i = first + kept * step; i < packs; i += step) write(i, load_sum<count>(x, residual, i));
}

template <typename T>
bool in_packs(int64_t width, std::initializer_list<const T*> rows, std::initializer_list<const Exact<T>*> exact) {
  constexpr int count = values_a_pack<T>();
  bool all = width % count == 0;
  for (const T* memory : rows) all = all && holds_packs<count>(memory);
  for (const Exact<T>* memory : exact) all = all && holds_packs<count>(memory);
  return all;
}

}  // namespace

template <typename T>
void rms_norm(Cuda on, const RmsNorm<T>& a) {
  constexpr int count = values_a_pack<T>();
  const auto start = [&](auto kernel, int64_t packs) {
    launch({static_cast<unsigned>(a.rows), threads_of(packs), 0, stream_of(on)}, kernel, a);
  };
  if (in_packs<T>(a.width, {a.x, a.residual, a.y}, {a.weight})) start(norm_rows<count, T>, a.width / count);
  else start(norm_rows<1, T>, a.width);
}

namespace {

// dx of one row: r (w dy) - s r^3 / width * sum(w dy s).
template <typename T>
__global__ void __launch_bounds__(512) gradient_of_rows(RmsNormBackward<T> a) {
  using E = Exact<T>;
  const int64_t row = blockIdx.x;
  const T *dy = a.dy + row * a.width, *x = a.x + row * a.width;
  const T* residual = a.residual == nullptr ? nullptr : a.residual + row * a.width;
  const auto value = [&](int64_t i) { return load_sum<1>(x, residual, i).of[0]; };
  const E r = a.inverse_rms[row];
  E dot = 0;
  for (int64_t i = threadIdx.x; i < a.width; i += blockDim.x) dot += a.weight[i] * (static_cast<E>(dy[i]) * value(i));
  const E common = block_sum(dot) * r * r * r / static_cast<E>(a.width);
  for (int64_t i = threadIdx.x; i < a.width; i += blockDim.x)
    a.dx[row * a.width + i] = static_cast<T>(r * a.weight[i] * static_cast<E>(dy[i]) - common * value(i));
}

constexpr int column_threads = 128;

// The share of one piece of the rows, blockIdx.y, in dweight: sum(dy s r) over its rows, in order.
template <typename T>
__global__ void __launch_bounds__(column_threads) shares_of_dweight(RmsNormBackward<T> a) {
  using E = Exact<T>;
  const int64_t column = int64_t{blockIdx.x} * column_threads + threadIdx.x, piece = blockIdx.y, pieces = gridDim.y;
  if (column >= a.width) return;
  E share = 0;
  for (int64_t row = a.rows * piece / pieces; row < a.rows * (piece + 1) / pieces; ++row) {
    const int64_t at = row * a.width + column;
    const E s = load_sum<1>(a.x, a.residual, at).of[0];
    share += static_cast<E>(a.dy[at]) * s * a.inverse_rms[row];
  }
  a.shares[piece * a.width + column] = share;
}

template <typename E>
__global__ void __launch_bounds__(column_threads)
    add_shares(const E* shares, int64_t pieces, int64_t width, E* dweight) {
  const int64_t column = int64_t{blockIdx.x} * column_threads + threadIdx.x;
  if (column >= width) return;
  E sum = dweight[column];
  for (int64_t piece = 0; piece < pieces; ++piece) sum += shares[piece * width + column];
  dweight[column] = sum;
}

}  // namespace

template <typename T>
void rms_norm_backward(Cuda on, const RmsNormBackward<T>& a) {
  const cudaStream_t stream = stream_of(on);
  if (a.dx != nullptr)
    launch({static_cast<unsigned>(a.rows), threads_of(a.width), 0, stream}, gradient_of_rows<T>, a);
  if (a.dweight == nullptr) return;
  const int64_t pieces = std::min(a.rows, rms_norm_pieces);
  const unsigned blocks = blocks_for(a.width, column_threads, INT32_MAX);
  launch({dim3(blocks, static_cast<unsigned>(pieces)), column_threads, 0, stream}, shares_of_dweight<T>, a);
  launch({blocks, column_threads, 0, stream}, add_shares<Exact<T>>, a.shares, pieces, a.width, a.dweight);
}

#define MODR_RMS_NORM(T)                           \
  template void rms_norm(Cuda, const RmsNorm<T>&); \
  template void rms_norm_backward(Cuda, const RmsNormBackward<T>&);
MODR_RMS_NORM(float)
MODR_RMS_NORM(double)
MODR_RMS_NORM(bfloat16)

}  // namespace modr::kernels
