#include "kernels/api/combine.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

namespace {

int64_t values_of(const CombineShape& s, int64_t unit) { return (s.unit_rows[unit + 1] - s.unit_rows[unit]) * s.width; }

constexpr int64_t columns = 1024;  // values of a unit at once, so that their exact sums stay in the first cache

// Values [begin, begin + count) of the sum of one unit.
template <typename T>
void combine_columns(const CombineShape& s, int64_t unit, int64_t begin, int64_t count, bool constant_gate,
                     const T* passes, const Exact<T>* gates, T* out) {
  using E = Exact<T>;
  E sum[columns];
  std::fill_n(sum, count, E{0});
  for (int64_t at = unit * s.choices; at < (unit + 1) * s.choices; ++at) {
    const T* from = passes + s.pass_rows[s.position[at]] * s.width + begin;
    const E factor = constant_gate ? E{1} / static_cast<E>(s.choices) : gates[at];
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) sum[i] += factor * static_cast<E>(from[i]);
  }
  T* to = out + s.unit_rows[unit] * s.width + begin;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(sum[i], to[i]);
}

}  // namespace

template <typename T>
void combine(Cpu, const CombineShape& s, bool constant_gate, const T* passes, const Exact<T>* gates, T* out) {
  // Rows are shared out, since a unit may be a whole sequence.
  parallel_ranges(s.rows, s.rows * s.choices * s.width, [=](int64_t first, int64_t last) {
    int64_t unit = std::upper_bound(s.unit_rows, s.unit_rows + s.units, first) - s.unit_rows - 1;
    for (; unit < s.units && s.unit_rows[unit] < last; ++unit) {
      const int64_t begin = std::max(first - s.unit_rows[unit], int64_t{0}) * s.width;
      const int64_t end = std::min(values_of(s, unit), (last - s.unit_rows[unit]) * s.width);
      for (int64_t at = begin; at < end; at += columns)
        combine_columns(s, unit, at, std::min(columns, end - at), constant_gate, passes, gates, out);
    }
  });
}

template <typename T>
void combine_backward(Cpu, const CombineBackward<T>& a) {
  using E = Exact<T>;
  const CombineShape s = a.shape;
  const E constant = E{1} / static_cast<E>(s.choices);
  parallel_ranges(s.units * s.choices, s.rows * s.choices * s.width, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t unit = at / s.choices, count = values_of(s, unit);
      const T* dy = a.dout + s.unit_rows[unit] * s.width;
      const int64_t pass = s.pass_rows[s.position[at]] * s.width;
      const E factor = a.constant_gate ? constant : a.gates[at];
      if (a.dpasses != nullptr) {
        T* dpass = a.dpasses + pass;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) store(factor * static_cast<E>(dy[i]), dpass[i]);
      }
      if (a.dgates == nullptr) continue;
      const T* value = a.passes + pass;
      E dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t i = 0; i < count; ++i) dot += static_cast<E>(dy[i]) * static_cast<E>(value[i]);
      a.dgates[at] = dot;
    }
  });
}

#define MODR_COMBINE(T)                                                                 \
  template void combine(Cpu, const CombineShape&, bool, const T*, const Exact<T>*, T*); \
  template void combine_backward(Cpu, const CombineBackward<T>&);
MODR_COMBINE(float)
MODR_COMBINE(double)
MODR_COMBINE(bfloat16)

}  // namespace modr::kernels
