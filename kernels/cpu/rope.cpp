#include "kernels/api/rope.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

namespace {

// Rotates one head in place by the angles of `table` [head_dim / 2, 2]; sign -1 rotates back.
template <typename T>
void rotate(T* x, const float* table, int64_t head_dim, T sign) {
  for (int64_t i = 0; i < head_dim; i += 2) {
    const T cosine = static_cast<T>(table[i]), sine = sign * static_cast<T>(table[i + 1]);
    const T even = x[i], odd = x[i + 1];
    x[i] = even * cosine - odd * sine;
    x[i + 1] = even * sine + odd * cosine;
  }
}

}  // namespace

template <typename T>
void rope(const RopeShape& s, const T* qkv, const T* bias, const float* table, const int32_t* positions, T* out) {
  const int64_t width = s.heads * s.head_dim;
  parallel_ranges(s.rows, s.rows * 3 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = qkv + row * 3 * width;
      T* to = out + row * 3 * width;
      std::copy(from, from + 3 * width, to);
      if (bias != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < 2 * width; ++i) to[i] += bias[i];
      }
      const float* angles = table + positions[row] * s.head_dim;
      for (int64_t head = 0; head < 2 * s.heads; ++head) rotate(to + head * s.head_dim, angles, s.head_dim, T{1});
    }
  });
}
template void rope(const RopeShape&, const float*, const float*, const float*, const int32_t*, float*);
template void rope(const RopeShape&, const double*, const double*, const float*, const int32_t*, double*);

template <typename T>
void rope_backward(const RopeShape& s, const T* dout, const float* table, const int32_t* positions, T* dqkv,
                   T* dbias) {
  const int64_t width = s.heads * s.head_dim;
  parallel_ranges(s.rows, s.rows * 3 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T* to = dqkv + row * 3 * width;
      std::copy(dout + row * 3 * width, dout + (row + 1) * 3 * width, to);
      const float* angles = table + positions[row] * s.head_dim;
      for (int64_t head = 0; head < 2 * s.heads; ++head) rotate(to + head * s.head_dim, angles, s.head_dim, T{-1});
    }
  });
  if (dbias == nullptr) return;
  parallel_ranges(2 * width, s.rows * 2 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < s.rows; ++row) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) dbias[i] += dqkv[row * 3 * width + i];
    }
  });
}
template void rope_backward(const RopeShape&, const float*, const float*, const int32_t*, float*, float*);
template void rope_backward(const RopeShape&, const double*, const float*, const int32_t*, double*, double*);

}  // namespace modr::kernels::cpu
