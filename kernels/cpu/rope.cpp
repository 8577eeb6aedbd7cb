#include "kernels/api/rope.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

namespace {

// One head, rotated by the angles of `table` [head_dim / 2, 2]: to = rotation (from + bias).
template <typename T>
void rotate(const T* from, const Exact<T>* bias, const float* table, int64_t head_dim, T* to) {
  using E = Exact<T>;
#pragma omp simd
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const E cosine = static_cast<E>(table[2 * i]), sine = static_cast<E>(table[2 * i + 1]);
    const E even = static_cast<E>(from[2 * i]) + (bias == nullptr ? E{0} : bias[2 * i]);
    const E odd = static_cast<E>(from[2 * i + 1]) + (bias == nullptr ? E{0} : bias[2 * i + 1]);
    to[2 * i] = static_cast<T>(even * cosine - odd * sine);
    to[2 * i + 1] = static_cast<T>(even * sine + odd * cosine);
  }
}

// The rotation back; sum += to, before it is rounded, unless null.
template <typename T>
void rotate_back(const T* from, const float* table, int64_t head_dim, T* to, Exact<T>* sum) {
  using E = Exact<T>;
#pragma omp simd
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const E cosine = static_cast<E>(table[2 * i]), sine = static_cast<E>(table[2 * i + 1]);
    const E even = static_cast<E>(from[2 * i]), odd = static_cast<E>(from[2 * i + 1]);
    const E even_back = even * cosine + odd * sine, odd_back = odd * cosine - even * sine;
    to[2 * i] = static_cast<T>(even_back);
    to[2 * i + 1] = static_cast<T>(odd_back);
    if (sum == nullptr) continue;
    sum[2 * i] += even_back;
    sum[2 * i + 1] += odd_back;
  }
}

}  // namespace

template <typename T>
void rope(const RopeShape& s, const T* qkv, const Exact<T>* bias, const float* table, const int32_t* positions,
          T* out) {
  const int64_t width = s.heads * s.head_dim;
  parallel_ranges(s.rows, s.rows * 3 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = qkv + row * 3 * width;
      T* to = out + row * 3 * width;
      const float* angles = table + positions[row] * s.head_dim;
      for (int64_t at = 0; at < 2 * width; at += s.head_dim)
        rotate(from + at, bias == nullptr ? nullptr : bias + at, angles, s.head_dim, to + at);
      std::copy(from + 2 * width, from + 3 * width, to + 2 * width);
    }
  });
}

template <typename T>
void rope_backward(const RopeShape& s, const RopeBackward<T>& a) {
  using E = Exact<T>;
  const int64_t width = s.heads * s.head_dim, pieces = std::min(s.rows, rope_pieces);
  parallel_ranges(pieces, s.rows * 3 * width, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      E* share = a.dbias == nullptr ? nullptr : a.shares + piece * 2 * width;
      if (share != nullptr) std::fill_n(share, 2 * width, E{0});
      for (int64_t row = s.rows * piece / pieces; row < s.rows * (piece + 1) / pieces; ++row) {
        const T* from = a.dout + row * 3 * width;
        T* to = a.dqkv + row * 3 * width;
        const float* angles = a.table + a.positions[row] * s.head_dim;
        for (int64_t at = 0; at < 2 * width; at += s.head_dim)
          rotate_back(from + at, angles, s.head_dim, to + at, share == nullptr ? nullptr : share + at);
        std::copy(from + 2 * width, from + 3 * width, to + 2 * width);
      }
    }
  });
  if (a.dbias == nullptr) return;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    const E* share = a.shares + piece * 2 * width;
#pragma omp simd
    for (int64_t i = 0; i < 2 * width; ++i) a.dbias[i] += share[i];
  }
}

#define MODR_ROPE(T)                                                                                             \
  template void rope(const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*);             \
  template void rope_backward(const RopeShape&, const RopeBackward<T>&);
MODR_ROPE(float)
MODR_ROPE(double)
MODR_ROPE(bfloat16)

}  // namespace modr::kernels::cpu
