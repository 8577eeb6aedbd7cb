#include "kernels/api/rope.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t max_pairs = 128;  // of a head at once

// Cosines and sines of some pairs of one position, apart from each other: all heads of a row use them.
template <typename E>
struct Angles {
  Angles(const float* table, int64_t first, int64_t end) : count(end - first) {
    for (int64_t i = 0; i < count; ++i) {
      cosine[i] = static_cast<E>(table[2 * (first + i)]);
      sine[i] = static_cast<E>(table[2 * (first + i) + 1]);
    }
  }
  int64_t count;
  E cosine[max_pairs], sine[max_pairs];
};

// to = rotation (from + bias) of one head's pairs; bias may be null.
template <typename T>
void rotate(const T* from, const Exact<T>* bias, const Angles<Exact<T>>& angles, T* to) {
  using E = Exact<T>;
#pragma omp simd
  for (int64_t i = 0; i < angles.count; ++i) {
    E even, odd;
    load_pair(from + 2 * i, even, odd);
    even += bias == nullptr ? E{0} : bias[2 * i];
    odd += bias == nullptr ? E{0} : bias[2 * i + 1];
    store_pair(even * angles.cosine[i] - odd * angles.sine[i], even * angles.sine[i] + odd * angles.cosine[i],
               to + 2 * i);
  }
}

// The rotation back; sum += to, before it is rounded, unless null.
template <typename T>
void rotate_back(const T* from, const Angles<Exact<T>>& angles, T* to, Exact<T>* sum) {
  using E = Exact<T>;
#pragma omp simd
  for (int64_t i = 0; i < angles.count; ++i) {
    E even, odd;
    load_pair(from + 2 * i, even, odd);
    const E even_back = even * angles.cosine[i] + odd * angles.sine[i];
    const E odd_back = odd * angles.cosine[i] - even * angles.sine[i];
    store_pair(even_back, odd_back, to + 2 * i);
    if (sum == nullptr) continue;
    sum[2 * i] += even_back;
    sum[2 * i + 1] += odd_back;
  }
}

// Calls f(angles, at) for all heads of q and k of a row, from element `at` of the row on.
template <typename E, typename F>
void for_heads(const RopeShape& s, const float* table, int32_t position, F f) {
  const int64_t pairs = s.head_dim / 2, end = 2 * s.heads * s.head_dim;
  for (int64_t first = 0; first < pairs; first += max_pairs) {
    const Angles<E> angles(table + position * s.head_dim, first, std::min(first + max_pairs, pairs));
    for (int64_t head = 0; head < end; head += s.head_dim) f(angles, head + 2 * first);
  }
}

}  // namespace

template <typename T>
void rope(Cpu, const RopeShape& s, const T* qkv, const Exact<T>* bias, const float* table, const int32_t* positions,
          T* out) {
  const int64_t width = s.heads * s.head_dim;
  parallel_ranges(s.rows, s.rows * 3 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = qkv + row * 3 * width;
      T* to = out + row * 3 * width;
      for_heads<Exact<T>>(s, table, positions[row], [=](const Angles<Exact<T>>& angles, int64_t at) {
        rotate(from + at, bias == nullptr ? nullptr : bias + at, angles, to + at);
      });
      std::copy(from + 2 * width, from + 3 * width, to + 2 * width);
    }
  });
}

template <typename T>
void rope_backward(Cpu, const RopeShape& s, const RopeBackward<T>& a) {
  using E = Exact<T>;
  const int64_t width = s.heads * s.head_dim, pieces = std::min(s.rows, rope_pieces);
  parallel_ranges(pieces, s.rows * 3 * width, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      E* share = a.dbias == nullptr ? nullptr : a.shares + piece * 2 * width;
      if (share != nullptr) std::fill_n(share, 2 * width, E{0});
      for (int64_t row = s.rows * piece / pieces; row < s.rows * (piece + 1) / pieces; ++row) {
        const T* from = a.dout + row * 3 * width;
        T* to = a.dqkv + row * 3 * width;
        for_heads<E>(s, a.table, a.positions[row], [=](const Angles<E>& angles, int64_t at) {
          rotate_back(from + at, angles, to + at, share == nullptr ? nullptr : share + at);
        });
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

#define MODR_ROPE(T)                                                                                      \
  template void rope(Cpu, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*); \
  template void rope_backward(Cpu, const RopeShape&, const RopeBackward<T>&);
MODR_ROPE(float)
MODR_ROPE(double)
MODR_ROPE(bfloat16)

}  // namespace modr::kernels
