#include "kernels/api/low_rank.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

// Rows of `wide` are read as packs of `count`, as many as 16 bytes have in Exact<T>, so that a thread's columns and the
// sums that it keeps of them fit into registers; a part of `ranks` of the rank at once.
template <typename T>
constexpr int columns_of_pack() {
  return values_of_16_bytes<Exact<T>>();
}

// The exact values of pack `i`.
template <int count, typename T>
__device__ inline Pack<Exact<T>, count> load_exact(const T* memory, int64_t i) {
  const Pack<T, count> values = load_pack<count>(memory, i);
  Pack<Exact<T>, count> exact;
#pragma unroll
  for (int j = 0; j < count; ++j) exact.of[j] = static_cast<Exact<T>>(values.of[j]);
  return exact;
}

// Sums of n values over the lanes: half of what is left is handed over to the lane that keeps it, five times. Lane l
// has values [l n / 32, (l + 1) n / 32) in the end, the first of `values`.
template <int n, typename E>
__device__ inline void scatter_sums(E (&values)[n]) {
  int left = n;
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    left /= 2;
    const bool keeps_upper = (threadIdx.x & static_cast<unsigned>(lanes)) != 0;
#pragma unroll
    for (int i = 0; i < n / 2; ++i) {
      if (i >= left) break;
      const E kept = keeps_upper ? values[i + left] : values[i], given = keeps_upper ? values[i] : values[i + left];
      values[i] = kept + __shfl_xor_sync(0xffffffffu, given, lanes);
    }
  }
}

constexpr int down_threads = 64;  // of a block of rows: each has its columns of all of them
// Blocks of rows that a block of threads has, which so share the matrix in its cache.
constexpr int most_groups = 4;

// Rows of which a thread keeps the sums: so many that they fill its registers, or at least one sum a lane.
template <typename E>
constexpr int rows_of_group(int ranks) {
  return sizeof(E) == 8 && ranks > 4 ? 4 : 8;
}

template <int n, typename E>
struct GroupSums {
  E of[most_groups][n];
};

// Part blockIdx.y of the rank of thin: the order of a row's sums depends on the width alone.
template <int count, int ranks, typename T>
__global__ void __launch_bounds__(down_threads* most_groups)
    multiply_down(const T* wide, int64_t rows, int64_t width, const Exact<T>* matrix, int64_t rank, Exact<T> factor,
                  Exact<T>* thin) {
  using E = Exact<T>;
  constexpr int group_rows = rows_of_group<E>(ranks), n = group_rows * ranks;
  const int64_t packs = width / count, r0 = int64_t{blockIdx.y} * ranks;
  const int64_t row0 = (int64_t{blockIdx.x} * blockDim.y + threadIdx.y) * group_rows;
  E sums[n] = {};
  for (int64_t i = threadIdx.x; i < packs; i += down_threads) {
    Pack<E, count> x[group_rows];
#pragma unroll
    for (int row = 0; row < group_rows; ++row)
      x[row] = row0 + row < rows ? load_exact<count>(wide, (row0 + row) * packs + i) : Pack<E, count>{};
#pragma unroll
    for (int r = 0; r < ranks; ++r) {
      if (r0 + r >= rank) break;
      const Pack<E, count> m = load_pack<count>(matrix, (r0 + r) * packs + i);
#pragma unroll
      for (int row = 0; row < group_rows; ++row)
#pragma unroll
        for (int j = 0; j < count; ++j) sums[row * ranks + r] += x[row].of[j] * m.of[j];
    }
  }
  scatter_sums(sums);
  constexpr int mine = n / 32;
  GroupSums<n, E>& second = block_shared<GroupSums<n, E>>();  // sums of the group's second warp
  const int at = static_cast<int>(threadIdx.x) % 32 * mine;
  if (threadIdx.x >= 32)
    for (int i = 0; i < mine; ++i) second.of[threadIdx.y][at + i] = sums[i];
  __syncthreads();
  if (threadIdx.x >= 32) return;
#pragma unroll
  for (int i = 0; i < mine; ++i) {
    const int64_t row = row0 + (at + i) / ranks, r = r0 + (at + i) % ranks;
    if (row < rows && r < rank) thin[row * rank + r] = factor * (sums[i] + second.of[threadIdx.y][at + i]);
  }
}

constexpr int threads = 128;

// A thread's columns of part of the matrix, zeros beyond the rank.
template <int count, int ranks, typename E>
__device__ inline void load_part(const E* matrix, int64_t r0, int64_t rank, int64_t packs, int64_t column,
                                 Pack<E, count> (&part)[ranks]) {
#pragma unroll
  for (int r = 0; r < ranks; ++r)
    part[r] = r0 + r < rank ? load_pack<count>(matrix, (r0 + r) * packs + column) : Pack<E, count>{};
}

// factors[r] = thin[row][r0 + r], zeros beyond the rank: all threads of a block read the same.
template <int ranks, typename E>
__device__ inline void load_factors(const E* thin, int64_t row, int64_t r0, int64_t rank, E (&factors)[ranks]) {
#pragma unroll
  for (int r = 0; r < ranks; ++r) factors[r] = r0 + r < rank ? thin[row * rank + r0 + r] : E{0};
}

constexpr int rows_at_once = 4;  // that a thread loads together, so that enough is on its way

// Piece blockIdx.y of the rows: what a block adds to stays in the cache for the next part.
template <int count, int ranks, typename T>
__global__ void __launch_bounds__(threads)
    multiply_up(const Exact<T>* thin, int64_t rows, int64_t rank, const Exact<T>* matrix, int64_t width, T* wide) {
  using E = Exact<T>;
  const int64_t column = column_of_thread(), packs = width / count, piece = blockIdx.y, pieces = gridDim.y;
  const int64_t begin = rows * piece / pieces, end = rows * (piece + 1) / pieces;
  if (column >= packs) return;
  for (int64_t r0 = 0; r0 < rank; r0 += ranks) {
    Pack<E, count> part[ranks];
    load_part(matrix, r0, rank, packs, column, part);
    for (int64_t row = begin; row < end; row += rows_at_once) {
      Pack<T, count> values[rows_at_once];
#pragma unroll
      for (int i = 0; i < rows_at_once; ++i)
        if (row + i < end) values[i] = load_pack<count>(wide, (row + i) * packs + column);
#pragma unroll
      for (int i = 0; i < rows_at_once; ++i) {
        if (row + i >= end) break;
        E factors[ranks];
        load_factors(thin, row + i, r0, rank, factors);
#pragma unroll
        for (int j = 0; j < count; ++j) {
          E sum = static_cast<E>(values[i].of[j]);
#pragma unroll
          for (int r = 0; r < ranks; ++r) sum += factors[r] * part[r].of[j];
          values[i].of[j] = static_cast<T>(sum);
        }
        store_pack(values[i], (row + i) * packs + column, wide);
      }
    }
  }
}

// The share of piece blockIdx.y of the rows in part blockIdx.z of the matrix, in the order of rows.
template <int count, int ranks, typename T>
__global__ void __launch_bounds__(threads)
    multiply_outer(const Exact<T>* thin, int64_t rows, int64_t rank, const T* wide, int64_t width, Exact<T>* shares) {
  using E = Exact<T>;
  const int64_t column = column_of_thread(), packs = width / count, piece = blockIdx.y, pieces = gridDim.y;
  const int64_t r0 = int64_t{blockIdx.z} * ranks;
  if (column >= packs) return;
  Pack<E, count> sums[ranks] = {};
#pragma unroll 4
  for (int64_t row = rows * piece / pieces; row < rows * (piece + 1) / pieces; ++row) {
    E factors[ranks];
    load_factors(thin, row, r0, rank, factors);
    const Pack<E, count> x = load_exact<count>(wide, row * packs + column);
#pragma unroll
    for (int r = 0; r < ranks; ++r)
#pragma unroll
      for (int j = 0; j < count; ++j) sums[r].of[j] += factors[r] * x.of[j];
  }
#pragma unroll
  for (int r = 0; r < ranks; ++r)
    if (r0 + r < rank) store_pack(sums[r], (piece * rank + r0 + r) * packs + column, shares);
}

template <typename E>
__global__ void __launch_bounds__(threads) add_shares(const E* shares, int64_t pieces, int64_t n, E* matrix) {
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    E sum = matrix[i];
    for (int64_t piece = 0; piece < pieces; ++piece) sum += shares[piece * n + i];
    matrix[i] = sum;
  }
}

constexpr int most_ranks = 16, few_ranks = 4;

// Calls f(count, ranks), constants: how wide packs can be, and what part of the rank is taken at once.
template <typename T, typename F>
void with_sizes(int64_t width, int64_t rank, const T* wide, const Exact<T>* matrix, F f) {
  constexpr int count = columns_of_pack<T>();
  const auto with_ranks = [&](auto columns) {
    if (rank <= few_ranks) f(columns, std::integral_constant<int, few_ranks>{});
    else f(columns, std::integral_constant<int, most_ranks>{});
  };
  if (width % count == 0 && holds_packs<count>(wide) && holds_packs<count>(matrix))
    with_ranks(std::integral_constant<int, count>{});
  else with_ranks(std::integral_constant<int, 1>{});
}

}  // namespace

template <typename T>
void low_rank_down(Cuda on, const T* wide, int64_t rows, int64_t width, const Exact<T>* matrix, int64_t rank,
                   Exact<T> factor, Exact<T>* thin) {
  constexpr int64_t enough_blocks = 128;
  with_sizes(width, rank, wide, matrix, [&](auto count, auto ranks) {
    constexpr int64_t group_rows = rows_of_group<Exact<T>>(ranks());
    const int64_t groups = std::clamp(rows / (group_rows * enough_blocks), int64_t{1}, int64_t{most_groups});
    const dim3 grid(blocks_for(rows, group_rows * groups, INT32_MAX), blocks_for(rank, ranks, INT32_MAX));
    launch({grid, dim3(down_threads, static_cast<unsigned>(groups)), 0, stream_of(on)},
           multiply_down<count(), ranks(), T>, wide, rows, width, matrix, rank, factor, thin);
  });
}

template <typename T>
void low_rank_up(Cuda on, const Exact<T>* thin, int64_t rows, int64_t rank, const Exact<T>* matrix, int64_t width,
                 T* wide) {
  constexpr int64_t rows_of_block = 16;  // to which it adds with the part of the matrix that it has read
  with_sizes(width, rank, static_cast<const T*>(wide), matrix, [&](auto count, auto ranks) {
    const dim3 grid(blocks_for(width / count, threads, INT32_MAX), blocks_for(rows, rows_of_block, most_rows_at_once));
    launch({grid, threads, 0, stream_of(on)}, multiply_up<count(), ranks(), T>, thin, rows, rank, matrix, width, wide);
  });
}

template <typename T>
void low_rank_outer(Cuda on, const Exact<T>* thin, int64_t rows, int64_t rank, const T* wide, int64_t width,
                    Exact<T>* matrix) {
  using E = Exact<T>;
  if (rows == 0 || rank == 0 || width == 0) return;
  constexpr int64_t rows_of_piece = 64, most_pieces = 32;  // whose shares are summed apart, then in order
  const int64_t pieces = std::clamp(rows / rows_of_piece, int64_t{1}, most_pieces);
  const cudaStream_t stream = stream_of(on);
  const int64_t n = rank * width;
  const Scratch scratch(on, static_cast<std::size_t>(pieces * n) * sizeof(E));
  E* shares = scratch.as<E>();
  with_sizes(width, rank, wide, static_cast<const E*>(matrix), [&](auto count, auto ranks) {
    const dim3 grid(blocks_for(width / count, threads, INT32_MAX), static_cast<unsigned>(pieces),
                    blocks_for(rank, ranks, INT32_MAX));
    launch({grid, threads, 0, stream}, multiply_outer<count(), ranks(), T>, thin, rows, rank, wide, width, shares);
  });
  launch({blocks_for(n, threads, 4096), threads, 0, stream}, add_shares<E>, shares, pieces, n, matrix);
}

#define MODR_LOW_RANK(T)                                                                                        \
  template void low_rank_down(Cuda, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*); \
  template void low_rank_up(Cuda, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*);             \
  template void low_rank_outer(Cuda, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*);
MODR_LOW_RANK(float)
MODR_LOW_RANK(double)
MODR_LOW_RANK(bfloat16)

}  // namespace modr::kernels
