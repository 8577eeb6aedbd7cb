#include <cmath>
#include <device/memory.hpp>

#include "kernels/cuda/few_rows.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

constexpr int count = values_of_16_bytes<bfloat16>();
using Values = Pack<bfloat16, count>;

struct FewRows {
  MadeRows rows;
  int64_t lda;  // between rows of x
  const bfloat16* weight;
  int64_t ldb;  // between its rows
  int64_t n, k;
  int64_t ldc;
  bool accumulate;
};

__device__ inline float squares_of(const Pack<float, count>& values) {
  float sum = 0;
#pragma unroll
  for (int j = 0; j < count; ++j) sum += values.of[j] * values.of[j];
  return sum;
}

__device__ inline Pack<float, count> exact(const Values& values) {
  Pack<float, count> result;
#pragma unroll
  for (int j = 0; j < count; ++j) result.of[j] = static_cast<float>(values.of[j]);
  return result;
}

// Calls f(i) for the packs of a row that are the thread's.
template <typename F>
__device__ inline void for_own_packs(int64_t k, F f) {
  for (int64_t i = threadIdx.x; i < k / count; i += blockDim.x) f(i);
}

// The norm of what load(i) gives for pack i, which is asked twice, to `to`; each thread has its packs.
template <typename Load>
__device__ inline void norm_row(const float* weight, float eps, int64_t k, Load load, bfloat16* to) {
  float squares = 0;
  for_own_packs(k, [&](int64_t i) { squares += squares_of(load(i)); });
  const float inverse = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(k) + eps);
  for_own_packs(k, [&](int64_t i) {
    const Pack<float, count> s = load(i);
    Values y;
#pragma unroll
    for (int j = 0; j < count; ++j) y.of[j] = static_cast<bfloat16>(s.of[j] * inverse * weight[i * count + j]);
    store_pack(y, i, to);
  });
}

__device__ inline Values gated(const Values& a, const Values& b) {
  Values y;
#pragma unroll
  for (int j = 0; j < count; ++j) {
    const float gate = static_cast<float>(a.of[j]);
    y.of[j] = static_cast<bfloat16>(gate / (1.0f + std::exp(-gate)) * static_cast<float>(b.of[j]));
  }
  return y;
}

// Row `row` of MadeRows, to `to`, of the block's shared memory. A thread reads there only what it has written.
__device__ inline void make_row(const FewRows& p, int64_t row, bfloat16* to) {
  const MadeRows& r = p.rows;
  const bfloat16* x = r.x + row * p.lda;
  const int64_t packs = p.k / count;
  const auto of_to = [&](int64_t i) { return exact(load_pack<count>(to, i)); };
  if (r.outer != nullptr) {
    const bfloat16* residual = r.residual + row * p.k;
    const auto sum = [&](int64_t i) {
      Pack<float, count> s = exact(load_pack<count>(x, i));
      const Pack<float, count> added = exact(load_pack<count>(residual, i));
#pragma unroll
      for (int j = 0; j < count; ++j) s.of[j] += added.of[j];
      return s;
    };
    norm_row(r.outer, r.eps, p.k, sum, to);
    if (blockIdx.x == 0)
      for_own_packs(p.k, [&](int64_t i) { store_pack(load_pack<count>(to, i), row * packs + i, r.kept); });
  } else {
    for_own_packs(p.k, [&](int64_t i) {
      store_pack(r.gate ? gated(load_pack<count>(x, i), load_pack<count>(x, packs + i)) : load_pack<count>(x, i), i,
                 to);
    });
  }
  if (r.norm != nullptr) norm_row(r.norm, r.eps, p.k, of_to, to);
}

constexpr int at_once = 4;  // packs of a row of the weight that a lane has on their way
constexpr int64_t bytes_of_line = 128;

// The sums of a warp for one row of the weight.
template <int rows>
__device__ inline void multiply_row(const bfloat16* weight, const bfloat16* x, int64_t packs, float (&sums)[rows]) {
  for (int64_t first = threadIdx.x % 32; first < packs; first += 32 * at_once) {
    Values w[at_once];
#pragma unroll
    for (int u = 0; u < at_once; ++u)
      if (first + 32 * u < packs) w[u] = load_once<count>(weight, first + 32 * u);
#pragma unroll
    for (int u = 0; u < at_once; ++u) {
      if (first + 32 * u >= packs) break;
      const Pack<float, count> factors = exact(w[u]);
#pragma unroll
      for (int row = 0; row < rows; ++row) {
        const Pack<float, count> values = exact(load_pack<count>(x, row * packs + first + 32 * u));
#pragma unroll
        for (int j = 0; j < count; ++j) sums[row] += values.of[j] * factors.of[j];
      }
    }
  }
}

// A block has a piece of the weight's rows, each of its warps one of them at a time. What it reads of the weight first
// it asks for while the kernel before this one may still run.
template <int rows, typename C>
__global__ void __launch_bounds__(512) multiply(FewRows p, C* c) {
  const int64_t warp = threadIdx.x / 32, warps = blockDim.x / 32, lane = threadIdx.x % 32, packs = p.k / count;
  const int64_t begin = p.n * blockIdx.x / gridDim.x, end = p.n * (int64_t{blockIdx.x} + 1) / gridDim.x;
  if (begin + warp < end) {
    const auto* first = reinterpret_cast<const unsigned char*>(p.weight + (begin + warp) * p.ldb);
    const int64_t bytes = p.k * static_cast<int64_t>(sizeof(bfloat16));
    for (int64_t at = lane * bytes_of_line; at < bytes; at += 32 * bytes_of_line) prefetch_line(first + at);
  }
  wait_for_previous_kernel();
  bfloat16* x = dynamic_shared<bfloat16>();
  for (int row = 0; row < rows; ++row) make_row(p, row, x + row * p.k);
  __syncthreads();
  for (int64_t at = begin + warp; at < end; at += warps) {
    float sums[rows] = {};
    multiply_row(p.weight + at * p.ldb, x, packs, sums);
#pragma unroll
    for (int row = 0; row < rows; ++row) {
      const float sum = warp_sum(sums[row]);
      C& value = c[row * p.ldc + at];
      if (lane == 0) value = static_cast<C>(p.accumulate ? static_cast<float>(value) + sum : sum);
    }
  }
}

// So many warps that the rows of a block are dealt most evenly.
int64_t even_warps(int64_t rows_of_block) {
  int64_t best = 16;
  const auto waste = [&](int64_t warps) { return (rows_of_block + warps - 1) / warps * warps - rows_of_block; };
  for (int64_t warps = 15; warps >= 8; --warps)
    if (waste(warps) < waste(best)) best = warps;
  return best;
}

struct Shape {
  int64_t blocks, warps;
};

// All multiprocessors have the blocks that fit, but a small weight only as many warps as have 4 KiB of it to read.
Shape shape_of(const FewRows& p, int64_t most_blocks) {
  constexpr int64_t least_bytes = 4 << 10, usual_warps = 8;
  const int64_t useful = std::max<int64_t>(p.n * p.k * static_cast<int64_t>(sizeof(bfloat16)) / least_bytes, 1);
  const int64_t blocks = std::clamp<int64_t>(useful / usual_warps, 1, most_blocks);
  return {blocks, std::min(even_warps((p.n + blocks - 1) / blocks), useful)};
}

template <int rows, typename C>
void start(Cuda on, const FewRows& p, C* c) {
  constexpr int64_t shared_of_two = 100 << 10;  // of a multiprocessor, where two blocks are to fit
  const auto shared = static_cast<std::size_t>(rows * p.k) * sizeof(bfloat16);
  const int64_t blocks_at_once = static_cast<int64_t>(shared) > shared_of_two ? 1 : 2;
  const auto [blocks, warps] = shape_of(p, blocks_at_once * multiprocessors_of(on));
  launch({static_cast<unsigned>(blocks), static_cast<unsigned>(32 * warps), shared, stream_of(on), true},
         multiply<rows, C>, p, c);
}

template <typename C>
void start_of_rows(Cuda on, int64_t m, const FewRows& p, C* c) {
  switch (m) {
    case 1:
      return start<1>(on, p, c);
    case 2:
      return start<2>(on, p, c);
    case 3:
      return start<3>(on, p, c);
    case 4:
      return start<4>(on, p, c);
  }
}
static_assert(most_made_rows == 4);

}  // namespace

bool has_few_rows(const GemmShape& s, const bfloat16* a, const bfloat16* b) {
  const bool packs =
      s.k % count == 0 && s.lda % count == 0 && s.ldb % count == 0 && holds_packs<count>(a) && holds_packs<count>(b);
  return !s.transpose_a && s.transpose_b && s.m <= most_made_rows && makes_rows(Cuda{}, s.m, s.k) && packs;
}

template <typename C>
void multiply_few_rows(Cuda on, const GemmShape& s, const bfloat16* a, const bfloat16* b, bool accumulate, C* c) {
  start_of_rows(on, s.m, {{a}, s.lda, b, s.ldb, s.n, s.k, s.ldc, accumulate}, c);
}
template void multiply_few_rows(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, bfloat16*);
template void multiply_few_rows(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, float*);

// All rows lie in the shared memory of a block.
bool makes_rows(Cuda, int64_t m, int64_t k) {
  constexpr int64_t most_shared = 220 << 10;
  return m <= most_made_rows && k % count == 0 && m * k * static_cast<int64_t>(sizeof(bfloat16)) <= most_shared;
}

template <typename C>
void decode_product(Cuda on, const MadeRows& rows, const PackedGemm& s, const std::byte* packed, C* c) {
  const int64_t width = rows.gate ? 2 * s.k : s.k;
  start_of_rows(on, s.m, {rows, width, reinterpret_cast<const bfloat16*>(packed), s.k, s.n, s.k, s.ldc, s.accumulate},
                c);
}
template void decode_product(Cuda, const MadeRows&, const PackedGemm&, const std::byte*, bfloat16*);
template void decode_product(Cuda, const MadeRows&, const PackedGemm&, const std::byte*, float*);

}  // namespace modr::kernels
