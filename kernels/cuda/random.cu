#include <cmath>
#include <numbers>

#include "kernels/api/random.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;

// philox() and normal_of() of base/philox.hpp, for a GPU.
__device__ std::array<uint32_t, 4> random_words(const PhiloxStream& stream, int64_t index) {
  auto c = stream.counter(static_cast<uint32_t>(index));
  auto key = stream.key();
#pragma unroll
  for (int round = 0; round < philox_rounds; ++round) {
    philox_round(c[0], c[1], c[2], c[3], key[0], key[1]);
    key = next_philox_key(key);
  }
  return c;
}
__device__ double normal_of_attempt(const PhiloxStream& stream, int64_t attempt) {
  const auto words = random_words(stream, attempt);
  const double u = uniform_of(words[0], words[1]), v = uniform_of(words[2], words[3]);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

template <typename T>
__global__ void __launch_bounds__(threads)
    uniform_values(PhiloxStream stream, int64_t first, double bound, int64_t n, T* out) {
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const auto words = random_words(stream, (first + i) / 2);
    const std::size_t at = (first + i) % 2 == 0 ? 0 : 2;
    out[i] = static_cast<T>(bound * (2 * uniform_of(words[at], words[at + 1]) - 1));
  }
}

template <typename T>
__device__ void write(const NormalScale& scale, double x, int64_t i, T* out) {
  out[i] = static_cast<T>(static_cast<Exact<T>>(scale.of(i) * x));
}

// One block draws values [made, n) from attempt `attempt` on, as many attempts at once as it has threads.
template <typename T>
__device__ void draw_in_turn(const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t attempt,
                             int64_t made, int64_t n, T* out) {
  for (; made < n; attempt += blockDim.x) {
    const double x = normal_of_attempt(stream, attempt + threadIdx.x);
    const bool is_accepted = std::abs(x) <= limit;
    const PrefixSum<int> accepted = block_prefix_sum(is_accepted ? 1 : 0);
    if (const int64_t i = made + accepted.before; is_accepted && i < n) write(scale, x, i, out);
    made += accepted.all;
  }
}

// Which attempt gives which value is known only when those before it are counted. So blocks of attempts are counted,
// then each writes its values, all computed again, from where those before it end.
constexpr int attempts_of_thread = 8;
constexpr int64_t attempts_of_block = attempts_of_thread * threads;

__global__ void __launch_bounds__(threads) count_accepted(PhiloxStream stream, double limit, int64_t* counts) {
  const int64_t first = blockIdx.x * attempts_of_block + threadIdx.x * attempts_of_thread;
  int accepted = 0;
  for (int i = 0; i < attempts_of_thread; ++i) accepted += std::abs(normal_of_attempt(stream, first + i)) <= limit;
  accepted = block_sum(accepted);
  if (threadIdx.x == 0) counts[blockIdx.x] = accepted;
}

// One block: counts[i] becomes the sum of those before it, i <= blocks.
__global__ void __launch_bounds__(threads) add_up_counts(int64_t blocks, int64_t* counts) {
  const int64_t begin = blocks * threadIdx.x / threads, end = blocks * (threadIdx.x + 1) / threads;
  int64_t mine = 0;
  for (int64_t i = begin; i < end; ++i) mine += counts[i];
  const PrefixSum<int64_t> sum = block_prefix_sum(mine);
  int64_t before = sum.before;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t count = counts[i];
    counts[i] = before;
    before += count;
  }
  if (threadIdx.x == 0) counts[blocks] = sum.all;
}

template <typename T>
__global__ void __launch_bounds__(threads)
    write_accepted(PhiloxStream stream, NormalScale scale, double limit, const int64_t* starts, int64_t n, T* out) {
  const int64_t first = blockIdx.x * attempts_of_block + threadIdx.x * attempts_of_thread;
  double x[attempts_of_thread];
  int accepted = 0;
#pragma unroll
  for (int i = 0; i < attempts_of_thread; ++i) {
    x[i] = normal_of_attempt(stream, first + i);
    accepted += std::abs(x[i]) <= limit ? 1 : 0;
  }
  int64_t at = starts[blockIdx.x] + block_prefix_sum(accepted).before;
#pragma unroll
  for (int i = 0; i < attempts_of_thread; ++i)
    if (std::abs(x[i]) <= limit) {
      if (at < n) write(scale, x[i], at, out);
      ++at;
    }
}

// What is missing after the `blocks` of attempts.
template <typename T>
__global__ void __launch_bounds__(threads) draw_missing(PhiloxStream stream, NormalScale scale, double limit,
                                                        const int64_t* starts, int64_t blocks, int64_t n, T* out) {
  draw_in_turn(stream, scale, limit, blocks * attempts_of_block, blocks == 0 ? 0 : starts[blocks], n, out);
}

template <typename T>
__global__ void __launch_bounds__(threads)
    draw_rows(const PhiloxStream* streams, NormalScale scale, double limit, int64_t width, T* out) {
  draw_in_turn(streams[blockIdx.x], scale, limit, 0, 0, width, out + blockIdx.x * width);
}

// Blocks of attempts that give n values, but for one time in 10^15; none for what one block draws soon, and not more
// than sixteen attempts a value, which no limit above 0.08 asks for.
int64_t blocks_of_attempts(int64_t n, double limit) {
  if (n <= 2 * attempts_of_block) return 0;
  const double rate = std::erf(limit / std::numbers::sqrt2), values = static_cast<double>(n);
  const double attempts = (values + 8 * std::sqrt(values * (1 - rate))) / rate;
  return static_cast<int64_t>(std::min(attempts, 16 * values)) / attempts_of_block + 1;
}

}  // namespace

template <typename T>
void uniform(Cuda on, const PhiloxStream& stream, int64_t first, double bound, int64_t n, T* out) {
  launch({blocks_for(n, threads, 4096), threads, 0, stream_of(on)}, uniform_values<T>, stream, first, bound, n, out);
}

template <typename T>
void truncated_normal(Cuda on, const PhiloxStream& stream, const NormalScale& scale, double limit, int64_t n, T* out) {
  if (n == 0) return;
  const int64_t blocks = blocks_of_attempts(n, limit);
  const Launch all{static_cast<unsigned>(blocks), threads, 0, stream_of(on)}, one{1, threads, 0, all.stream};
  const Scratch scratch(on, static_cast<std::size_t>(blocks + 1) * sizeof(int64_t));
  int64_t* starts = scratch.as<int64_t>();
  launch(all, count_accepted, stream, limit, starts);
  launch(one, add_up_counts, blocks, starts);
  launch(all, write_accepted<T>, stream, scale, limit, starts, n, out);
  launch(one, draw_missing<T>, stream, scale, limit, starts, blocks, n, out);
}

template <typename T>
void truncated_normal_rows(Cuda on, const PhiloxStream* streams, double std, double limit, int64_t rows, int64_t width,
                           T* out) {
  launch({static_cast<unsigned>(rows), std::min(threads_of_row(width, 1), unsigned{threads}), 0, stream_of(on)},
         draw_rows<T>, streams, NormalScale{std}, limit, width, out);
}
template void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, bfloat16*);
template void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, bfloat16*);

#define MODR_RANDOM(T)                                                                                \
  template void uniform(Cuda, const PhiloxStream&, int64_t, double, int64_t, T*);                     \
  template void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, T*); \
  template void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, T*);
MODR_RANDOM(float)
MODR_RANDOM(double)

}  // namespace modr::kernels
