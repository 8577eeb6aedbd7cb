#include "kernels/api/choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels {

template <typename T>
void gather_columns(Cpu, const T* x, const int32_t* columns, int64_t rows, int64_t choices, int64_t width, T* out) {
  for (int64_t i = 0; i < rows * choices; ++i) out[i] = x[i / choices * width + columns[i]];
}

template <typename T>
void gather_columns_backward(Cpu, const T* dout, const int32_t* columns, int64_t rows, int64_t choices, int64_t width,
                             T* dx) {
  std::fill_n(dx, rows * width, T{0});
  for (int64_t i = 0; i < rows * choices; ++i) dx[i / choices * width + columns[i]] += dout[i];
}

template <typename T>
void largest_columns(Cpu, const T* scores, const T* bias, int64_t rows, int64_t width, int64_t count,
                     int32_t* choices) {
  std::vector<double> biased(static_cast<std::size_t>(width));
  std::vector<int32_t> order(biased.size());
  const auto better = [&](int32_t a, int32_t b) {
    const double x = biased[static_cast<std::size_t>(a)], y = biased[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  for (int64_t row = 0; row < rows; ++row) {
    for (std::size_t j = 0; j < biased.size(); ++j) {
      const double value =
          static_cast<double>(scores[row * width + static_cast<int64_t>(j)]) + static_cast<double>(bias[j]);
      biased[j] = std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    }
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + count, order.end(), better);
    std::copy_n(order.begin(), count, choices + row * count);
  }
}

template <typename T>
void argmax(Cpu, const T* x, int64_t rows, int64_t width, int32_t* out) {
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *first = x + row * width, *last = first + width, *best = std::max_element(first, last);
      // A NaN is neither above nor below another value, so that max_element may pass by it.
      const bool unordered = std::any_of(first, last, [](T value) { return std::isnan(value); });
      out[row] = unordered || !std::isfinite(*best) ? -1 : static_cast<int32_t>(best - first);
    }
  });
}

#define MODR_CHOICE(T)                                                                                 \
  template void gather_columns(Cpu, const T*, const int32_t*, int64_t, int64_t, int64_t, T*);          \
  template void gather_columns_backward(Cpu, const T*, const int32_t*, int64_t, int64_t, int64_t, T*); \
  template void largest_columns(Cpu, const T*, const T*, int64_t, int64_t, int64_t, int32_t*);         \
  template void argmax(Cpu, const T*, int64_t, int64_t, int32_t*);
MODR_CHOICE(float)
MODR_CHOICE(double)

}  // namespace modr::kernels
