#include "kernels/api/rows.hpp"

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t most_rows_at_once = 65535;  // blocks in y; kernels stride over the rest

// Columns in x, rows in y.
dim3 grid_of(int64_t width, int64_t rows) {
  return dim3(blocks_for(width, threads, INT32_MAX), blocks_for(rows, 1, most_rows_at_once));
}
__device__ inline int64_t column_of_thread() { return int64_t{blockIdx.x} * threads + threadIdx.x; }

template <typename Table, typename T>
__global__ void __launch_bounds__(threads) gather(const Table* table, const int32_t* index, int64_t count,
                                                  int64_t width, Exact<T> factor, T* out) {
  const int64_t column = column_of_thread();
  if (column >= width) return;
  for (int64_t i = blockIdx.y; i < count; i += gridDim.y)
    out[i * width + column] = static_cast<T>(factor * static_cast<Exact<T>>(table[index[i] * width + column]));
}

// Who adds to a row of the table: rows are spread over `owners` (2^6), neighbours far apart, as on the CPU.
constexpr int owners = 64;
__device__ inline unsigned owner_of(int32_t row) { return static_cast<uint32_t>(row) * 2654435769u >> 26; }

// Each block adds to its columns of its rows of the table, in the order of i.
template <typename T, typename Table>
__global__ void __launch_bounds__(threads) scatter_add(const T* rows, const int32_t* index, int64_t count,
                                                       int64_t width, Exact<T> factor, Table* table) {
  using E = Exact<T>;
  const int64_t column = column_of_thread();
  if (column >= width) return;
  for (int64_t i = 0; i < count; ++i) {
    if (owner_of(index[i]) != blockIdx.y) continue;
    Table& to = table[index[i] * width + column];
    to = static_cast<Table>(static_cast<E>(to) + factor * static_cast<E>(rows[i * width + column]));
  }
}

__device__ inline bool is_real(const uint8_t* mask, int64_t row) { return mask == nullptr || mask[row] != 0; }

template <typename T>
__global__ void __launch_bounds__(threads) mean_of_groups(const T* x, const uint8_t* mask, int64_t groups,
                                                          const int64_t* offsets, int64_t width, Exact<T>* out) {
  using E = Exact<T>;
  const int64_t column = column_of_thread();
  if (column >= width) return;
  for (int64_t group = blockIdx.y; group < groups; group += gridDim.y) {
    E sum = 0;
    int64_t real = 0;
    for (int64_t row = offsets[group]; row < offsets[group + 1]; ++row) {
      if (!is_real(mask, row)) continue;
      sum += static_cast<E>(x[row * width + column]);
      ++real;
    }
    out[group * width + column] = sum * (E{1} / static_cast<E>(real));
  }
}

template <typename T>
__global__ void __launch_bounds__(threads)
    mean_of_groups_backward(const Exact<T>* dout, const uint8_t* mask, int64_t groups, const int64_t* offsets,
                            int64_t width, T* dx) {
  using E = Exact<T>;
  const int64_t column = column_of_thread();
  if (column >= width) return;
  for (int64_t group = blockIdx.y; group < groups; group += gridDim.y) {
    int64_t real = 0;
    for (int64_t row = offsets[group]; row < offsets[group + 1]; ++row) real += is_real(mask, row) ? 1 : 0;
    const E factor = E{1} / static_cast<E>(real), value = dout[group * width + column];
    for (int64_t row = offsets[group]; row < offsets[group + 1]; ++row)
      dx[row * width + column] = static_cast<T>((is_real(mask, row) ? factor : E{0}) * value);
  }
}

}  // namespace

template <typename Table, typename T>
void gather_rows(Cuda on, const Table* table, const int32_t* index, int64_t count, int64_t width, Exact<T> factor,
                 T* out) {
  const Launch at{grid_of(width, count), threads, 0, stream_of(on)};
  launch(at, gather<Table, T>, table, index, count, width, factor, out);
}

template <typename T, typename Table>
void scatter_add_rows(Cuda on, const T* rows, const int32_t* index, int64_t count, int64_t width, Exact<T> factor,
                      Table* table) {
  if (count == 0) return;
  const Launch at{grid_of(width, owners), threads, 0, stream_of(on)};
  launch(at, scatter_add<T, Table>, rows, index, count, width, factor, table);
}

template <typename T>
void masked_mean(Cuda on, const T* x, const uint8_t* mask, int64_t groups, const int64_t* offsets, int64_t width,
                 Exact<T>* out) {
  const Launch at{grid_of(width, groups), threads, 0, stream_of(on)};
  launch(at, mean_of_groups<T>, x, mask, groups, offsets, width, out);
}

template <typename T>
void masked_mean_backward(Cuda on, const Exact<T>* dout, const uint8_t* mask, int64_t groups, const int64_t* offsets,
                          int64_t width, T* dx) {
  const Launch at{grid_of(width, groups), threads, 0, stream_of(on)};
  launch(at, mean_of_groups_backward<T>, dout, mask, groups, offsets, width, dx);
}

#define MODR_GATHER(Table, T)                                                                    \
  template void gather_rows(Cuda, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*); \
  template void scatter_add_rows(Cuda, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*);
MODR_GATHER(float, float)
MODR_GATHER(double, double)
MODR_GATHER(bfloat16, bfloat16)
MODR_GATHER(float, bfloat16)

#define MODR_MASKED_MEAN(T)                                                                               \
  template void masked_mean(Cuda, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*); \
  template void masked_mean_backward(Cuda, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*);
MODR_MASKED_MEAN(float)
MODR_MASKED_MEAN(double)
MODR_MASKED_MEAN(bfloat16)

}  // namespace modr::kernels
