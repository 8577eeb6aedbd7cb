#include "kernels/api/rows.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

template <typename Table, typename T>
void gather_rows(Cpu, const Table* table, const int32_t* index, int64_t count, int64_t width, Exact<T> factor, T* out) {
  parallel_ranges(count, count * width, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Table* from = table + index[i] * width;
      T* to = out + i * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) store(factor * static_cast<Exact<T>>(from[j]), to[j]);
    }
  });
}

namespace {

template <typename T, typename Table>
void add_row(const T* from, int64_t width, Exact<T> factor, Table* to) {
  using E = Exact<T>;
#pragma omp simd
  for (int64_t j = 0; j < width; ++j) store(static_cast<E>(to[j]) + factor * static_cast<E>(from[j]), to[j]);
}

// Spreads rows over `owners` (2^6), neighbours far apart (Knuth's multiplicative hashing).
constexpr int64_t owners = 64;
int64_t owner_of(int32_t row) { return static_cast<int64_t>(static_cast<uint32_t>(row) * 2654435769u >> 26); }

}  // namespace

template <typename T, typename Table>
void scatter_add_rows(Cpu, const T* rows, const int32_t* index, int64_t count, int64_t width, Exact<T> factor,
                      Table* table) {
  constexpr int64_t wide = 1 << 14;
  // Two rows may add to the same place: threads own rows of the table, or columns where rows are few and long.
  if (width >= wide) {
    parallel_ranges(width, count * width, [=](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < count; ++i)
        add_row(rows + i * width + begin, end - begin, factor, table + index[i] * width + begin);
    });
    return;
  }
  parallel_ranges(owners, count * width, [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t owner = owner_of(index[i]);
      if (owner >= begin && owner < end) add_row(rows + i * width, width, factor, table + index[i] * width);
    }
  });
}

namespace {

int64_t count_real(const uint8_t* mask, int64_t rows) {
  return mask == nullptr ? rows : std::count_if(mask, mask + rows, [](uint8_t real) { return real != 0; });
}

// Some columns of one group: x is the group's first row, out the group's mean.
template <typename T>
void mean_of_columns(const T* x, const uint8_t* real, int64_t rows, int64_t width, int64_t begin, int64_t end,
                     Exact<T>* out) {
  using E = Exact<T>;
  std::fill(out + begin, out + end, E{0});
  for (int64_t row = 0; row < rows; ++row)
    if (real == nullptr || real[row] != 0) add_row(x + row * width + begin, end - begin, E{1}, out + begin);
  const E factor = E{1} / static_cast<E>(count_real(real, rows));
  for (int64_t j = begin; j < end; ++j) out[j] *= factor;
}

}  // namespace

template <typename T>
void masked_mean(Cpu, const T* x, const uint8_t* mask, int64_t groups, const int64_t* offsets, int64_t width,
                 Exact<T>* out) {
  // Threads own results, so that the order of each sum is that of the rows.
  parallel_ranges(groups * width, offsets[groups] * width, [=](int64_t begin, int64_t end) {
    for (int64_t group = begin / width; group * width < end; ++group) {
      const int64_t first = group * width, row = offsets[group], rows = offsets[group + 1] - row;
      mean_of_columns(x + row * width, mask == nullptr ? nullptr : mask + row, rows, width,
                      std::max(begin - first, int64_t{0}), std::min(end - first, width), out + first);
    }
  });
}

template <typename T>
void masked_mean_backward(Cpu, const Exact<T>* dout, const uint8_t* mask, int64_t groups, const int64_t* offsets,
                          int64_t width, T* dx) {
  using E = Exact<T>;
  parallel_ranges(groups, offsets[groups] * width, [=](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const int64_t first = offsets[group], rows = offsets[group + 1] - first;
      const uint8_t* real = mask == nullptr ? nullptr : mask + first;
      const E factor = E{1} / static_cast<E>(count_real(real, rows));
      const E* from = dout + group * width;
      for (int64_t row = 0; row < rows; ++row) {
        const E weight = real != nullptr && real[row] == 0 ? E{0} : factor;
        T* to = dx + (first + row) * width;
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) store(weight * from[j], to[j]);
      }
    }
  });
}

#define MODR_GATHER(Table, T)                                                                   \
  template void gather_rows(Cpu, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*); \
  template void scatter_add_rows(Cpu, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*);
MODR_GATHER(float, float)
MODR_GATHER(double, double)
MODR_GATHER(bfloat16, bfloat16)
MODR_GATHER(float, bfloat16)

#define MODR_MASKED_MEAN(T)                                                                              \
  template void masked_mean(Cpu, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*); \
  template void masked_mean_backward(Cpu, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*);
MODR_MASKED_MEAN(float)
MODR_MASKED_MEAN(double)
MODR_MASKED_MEAN(bfloat16)

}  // namespace modr::kernels
