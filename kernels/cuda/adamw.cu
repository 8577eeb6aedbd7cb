#include "kernels/api/adamw.hpp"

#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/pack.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t most_blocks = 4096;

// `count` elements at a time, and the last ones alone.
template <int count, typename T>
__global__ void __launch_bounds__(threads)
    update(AdamWFactors<T> f, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param) {
  const int64_t first = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, step = int64_t{gridDim.x} * blockDim.x;
  const auto update_one = [&](T g, T& m, T& v, T& p) {
    m = f.beta1 * m + f.rest1 * g;
    v = f.beta2 * v + f.rest2 * g * g;
    p = f.keep * p - f.step_size * m / (std::sqrt(v) * f.root_correction + f.eps);
  };
  const int64_t packs = n / count;
  for (int64_t i = first; i < packs; i += step) {
    const Pack<T, count> g = load_pack<count>(grad, i);
    Pack<T, count> m = load_pack<count>(exp_avg, i), v = load_pack<count>(exp_avg_sq, i),
                   p = load_pack<count>(param, i);
#pragma unroll
    for (int j = 0; j < count; ++j) update_one(g.of[j], m.of[j], v.of[j], p.of[j]);
    store_pack(m, i, exp_avg);
    store_pack(v, i, exp_avg_sq);
    store_pack(p, i, param);
  }
  for (int64_t i = packs * count + first; i < n; i += step) update_one(grad[i], exp_avg[i], exp_avg_sq[i], param[i]);
}

}  // namespace

template <typename T>
void adamw(Cuda on, const AdamWStep& step, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = holds_packs<count>(grad) && holds_packs<count>(exp_avg) && holds_packs<count>(exp_avg_sq) &&
                      holds_packs<count>(param);
  launch({blocks_for(packed ? (n + count - 1) / count : n, threads, most_blocks), threads, 0, stream_of(on)},
         packed ? update<count, T> : update<1, T>, AdamWFactors<T>(step), grad, n, exp_avg, exp_avg_sq, param);
}
template void adamw(Cuda, const AdamWStep&, const float*, int64_t, float*, float*, float*);
template void adamw(Cuda, const AdamWStep&, const double*, int64_t, double*, double*, double*);

}  // namespace modr::kernels
