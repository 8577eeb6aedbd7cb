#include "kernels/api/choice.hpp"

#include <cmath>

#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t most_blocks = 4096;

template <typename T>
__global__ void __launch_bounds__(threads)
    gather(const T* x, const int32_t* columns, int64_t count, int64_t choices, int64_t width, T* out) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += int64_t{gridDim.x} * blockDim.x)
    out[i] = x[i / choices * width + columns[i]];
}

// Each thread looks for its column among the row's choices, in their order.
template <typename T>
__global__ void __launch_bounds__(threads)
    gather_backward(const T* dout, const int32_t* columns, int64_t rows, int64_t choices, int64_t width, T* dx) {
  const int64_t column = column_of_thread();
  if (column >= width) return;
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    T sum = 0;
    for (int64_t i = row * choices; i < (row + 1) * choices; ++i)
      if (columns[i] == column) sum += dout[i];
    dx[row * width + column] = sum;
  }
}

// A value and where it is; none where `column` is below 0.
template <typename E>
struct Place {
  E value;
  int32_t column;
};

/// Whether a comes before b: a larger value, or the same in a lower column.
template <typename E>
__device__ inline bool is_before(const Place<E>& a, const Place<E>& b) {
  if (a.column < 0 || b.column < 0) return a.column >= 0;
  return a.value != b.value ? a.value > b.value : a.column < b.column;
}

/// The first of all lanes. All 32 must come.
template <typename E>
__device__ Place<E> first_of_warp(Place<E> mine) {
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const Place<E> other{__shfl_xor_sync(0xffffffffu, mine.value, lanes),
                         __shfl_xor_sync(0xffffffffu, mine.column, lanes)};
    if (is_before(other, mine)) mine = other;
  }
  return mine;
}

constexpr int rows_of_block = 4;

// A warp a row: the best column, then `count` - 1 times the best of those that come after it.
template <typename T>
__global__ void __launch_bounds__(32 * rows_of_block)
    choose(const T* scores, const T* bias, int64_t rows, int64_t width, int64_t count, int32_t* choices) {
  const int64_t row = int64_t{blockIdx.x} * rows_of_block + threadIdx.y;
  if (row >= rows) return;
  Place<double> last{0, -1};
  for (int64_t k = 0; k < count; ++k) {
    Place<double> best{0, -1};
    for (int64_t column = threadIdx.x; column < width; column += 32) {
      const double sum = static_cast<double>(scores[row * width + column]) + static_cast<double>(bias[column]);
      const Place<double> place{std::isnan(sum) ? -static_cast<double>(INFINITY) : sum, static_cast<int32_t>(column)};
      if ((k == 0 || is_before(last, place)) && is_before(place, best)) best = place;
    }
    last = first_of_warp(best);
    if (threadIdx.x == 0) choices[row * count + k] = last.column;
  }
}

// A block a row. A NaN counts as infinite, since both leave the row without an answer.
template <int count, typename T>
__global__ void __launch_bounds__(512) argmax_of_rows(const T* x, int64_t packs, int32_t* out) {
  const T* of_row = x + blockIdx.x * packs * count;
  Place<T> best{0, -1};
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    const Pack<T, count> values = load_pack<count>(of_row, i);
#pragma unroll
    for (int j = 0; j < count; ++j) {
      const T value = std::isnan(values.of[j]) ? static_cast<T>(INFINITY) : values.of[j];
      const Place<T> place{value, static_cast<int32_t>(i * count + j)};
      if (is_before(place, best)) best = place;
    }
  }
  const OfWarps<Place<T>>& of_warps = share_of_warps(first_of_warp(best));
  best = of_warps.of[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp)
    if (is_before(of_warps.of[warp], best)) best = of_warps.of[warp];
  if (threadIdx.x == 0) out[blockIdx.x] = std::isfinite(best.value) ? best.column : -1;
}

}  // namespace

template <typename T>
void gather_columns(Cuda on, const T* x, const int32_t* columns, int64_t rows, int64_t choices, int64_t width, T* out) {
  launch({blocks_for(rows * choices, threads, most_blocks), threads, 0, stream_of(on)}, gather<T>, x, columns,
         rows * choices, choices, width, out);
}

template <typename T>
void gather_columns_backward(Cuda on, const T* dout, const int32_t* columns, int64_t rows, int64_t choices,
                             int64_t width, T* dx) {
  launch(over_columns(on, width, rows), gather_backward<T>, dout, columns, rows, choices, width, dx);
}

template <typename T>
void largest_columns(Cuda on, const T* scores, const T* bias, int64_t rows, int64_t width, int64_t count,
                     int32_t* choices) {
  launch({blocks_for(rows, rows_of_block, INT32_MAX), dim3(32, rows_of_block), 0, stream_of(on)}, choose<T>, scores,
         bias, rows, width, count, choices);
}

template <typename T>
void argmax(Cuda on, const T* x, int64_t rows, int64_t width, int32_t* out) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = width % count == 0 && holds_packs<count>(x);
  const int64_t packs = packed ? width / count : width;
  launch({static_cast<unsigned>(rows), threads_of_row(packs, 4), 0, stream_of(on)},
         packed ? argmax_of_rows<count, T> : argmax_of_rows<1, T>, x, packs, out);
}

#define MODR_CHOICE(T)                                                                                  \
  template void gather_columns(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*);          \
  template void gather_columns_backward(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*); \
  template void largest_columns(Cuda, const T*, const T*, int64_t, int64_t, int64_t, int32_t*);         \
  template void argmax(Cuda, const T*, int64_t, int64_t, int32_t*);
MODR_CHOICE(float)
MODR_CHOICE(double)

}  // namespace modr::kernels
