#include "kernels/api/combine.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

template <typename T>
void combine(const CombineShape& s, bool constant_gate, const T* passes, const T* gates, T* out) {
  const T constant = T{1} / static_cast<T>(s.choices);
  parallel_ranges(s.units, s.units * s.choices * s.block, [=](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      T* to = out + unit * s.block;
      std::fill_n(to, s.block, T{0});
      for (int64_t at = unit * s.choices; at < (unit + 1) * s.choices; ++at) {
        const T* from = passes + s.position[at] * s.block;
        const T factor = constant_gate ? constant : gates[at];
#pragma omp simd
        for (int64_t i = 0; i < s.block; ++i) to[i] += factor * from[i];
      }
    }
  });
}
template void combine(const CombineShape&, bool, const float*, const float*, float*);
template void combine(const CombineShape&, bool, const double*, const double*, double*);

template <typename T>
void combine_backward(const CombineBackward<T>& a) {
  const CombineShape s = a.shape;
  const T constant = T{1} / static_cast<T>(s.choices);
  parallel_ranges(s.units, s.units * s.choices * s.block, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * s.choices; at < end * s.choices; ++at) {
      const T* dy = a.dout + at / s.choices * s.block;
      const int64_t pass = s.position[at] * s.block;
      const T factor = a.constant_gate ? constant : a.gates[at];
      if (a.dpasses != nullptr) {
#pragma omp simd
        for (int64_t i = 0; i < s.block; ++i) a.dpasses[pass + i] = factor * dy[i];
      }
      if (a.dgates == nullptr) continue;
      T dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t i = 0; i < s.block; ++i) dot += dy[i] * a.passes[pass + i];
      a.dgates[at] = dot;
    }
  });
}
template void combine_backward(const CombineBackward<float>&);
template void combine_backward(const CombineBackward<double>&);

}  // namespace modr::kernels::cpu
