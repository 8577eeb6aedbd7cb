#include "kernels/api/rows.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

template <typename T>
void gather_rows(const T* table, const int32_t* index, int64_t count, int64_t width, T factor, T* out) {
  parallel_ranges(count, count * width, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* from = table + index[i] * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[i * width + j] = factor * from[j];
    }
  });
}
template void gather_rows(const float*, const int32_t*, int64_t, int64_t, float, float*);
template void gather_rows(const double*, const int32_t*, int64_t, int64_t, double, double*);

template <typename T>
void scatter_add_rows(const T* rows, const int32_t* index, int64_t count, int64_t width, T factor, T* table) {
  // Threads own columns: two rows may add to the same place.
  parallel_ranges(width, count * width, [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      T* to = table + index[i] * width;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) to[j] += factor * rows[i * width + j];
    }
  });
}
template void scatter_add_rows(const float*, const int32_t*, int64_t, int64_t, float, float*);
template void scatter_add_rows(const double*, const int32_t*, int64_t, int64_t, double, double*);

namespace {

int64_t count_real(const uint8_t* mask, int64_t rows) {
  return mask == nullptr ? rows : std::count_if(mask, mask + rows, [](uint8_t real) { return real != 0; });
}

}  // namespace

template <typename T>
void masked_mean(const T* x, const uint8_t* mask, int64_t groups, int64_t rows_per_group, int64_t width, T* out) {
  std::fill_n(out, groups * width, T{0});
  for (int64_t group = 0; group < groups; ++group) {
    const uint8_t* real = mask == nullptr ? nullptr : mask + group * rows_per_group;
    const T factor = T{1} / static_cast<T>(count_real(real, rows_per_group));
    for (int64_t row = 0; row < rows_per_group; ++row) {
      if (real != nullptr && real[row] == 0) continue;
      for (int64_t j = 0; j < width; ++j) out[group * width + j] += x[(group * rows_per_group + row) * width + j];
    }
    for (int64_t j = 0; j < width; ++j) out[group * width + j] *= factor;
  }
}
template void masked_mean(const float*, const uint8_t*, int64_t, int64_t, int64_t, float*);
template void masked_mean(const double*, const uint8_t*, int64_t, int64_t, int64_t, double*);

template <typename T>
void masked_mean_backward(const T* dout, const uint8_t* mask, int64_t groups, int64_t rows_per_group, int64_t width,
                          T* dx) {
  for (int64_t group = 0; group < groups; ++group) {
    const uint8_t* real = mask == nullptr ? nullptr : mask + group * rows_per_group;
    const T factor = T{1} / static_cast<T>(count_real(real, rows_per_group));
    for (int64_t row = 0; row < rows_per_group; ++row) {
      const T weight = real != nullptr && real[row] == 0 ? T{0} : factor;
      for (int64_t j = 0; j < width; ++j)
        dx[(group * rows_per_group + row) * width + j] = weight * dout[group * width + j];
    }
  }
}
template void masked_mean_backward(const float*, const uint8_t*, int64_t, int64_t, int64_t, float*);
template void masked_mean_backward(const double*, const uint8_t*, int64_t, int64_t, int64_t, double*);

}  // namespace modr::kernels::cpu
