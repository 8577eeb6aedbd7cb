#include "kernels/api/adamw.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/tensor_table.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t values_of_block = 16 * threads;

template <typename T>
struct Updated {
  AdamWTensor<T> tensor;
  T keep;
  bool is_packed;
};

// `count` elements at a time, and the last ones alone.
template <int count, typename T>
__device__ void update_values(const AdamWFactors<T>& f, T keep, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq,
                              T* param) {
  const auto update_one = [&](T g, T& m, T& v, T& p) {
    m = f.beta1 * m + f.rest1 * g;
    v = f.beta2 * v + f.rest2 * g * g;
    p = keep * p - f.step_size * m / (std::sqrt(v) * f.root_correction + f.eps);
  };
  const int64_t packs = n / count;
  for (int64_t i = threadIdx.x; i < packs; i += threads) {
    const Pack<T, count> g = load_pack<count>(grad, i);
    Pack<T, count> m = load_pack<count>(exp_avg, i), v = load_pack<count>(exp_avg_sq, i),
                   p = load_pack<count>(param, i);
#pragma unroll
    for (int j = 0; j < count; ++j) update_one(g.of[j], m.of[j], v.of[j], p.of[j]);
    store_pack(m, i, exp_avg);
    store_pack(v, i, exp_avg_sq);
    store_pack(p, i, param);
  }
  for (int64_t i = packs * count + threadIdx.x; i < n; i += threads)
    update_one(grad[i], exp_avg[i], exp_avg_sq[i], param[i]);
}

template <typename T>
__global__ void __launch_bounds__(threads)
    update_tensors(const __grid_constant__ AdamWFactors<T> f, const __grid_constant__ TensorTable<Updated<T>> table) {
  const PartOfTensor<Updated<T>> mine(table);
  const AdamWTensor<T>& a = mine.tensor->tensor;
  const int64_t first = mine.part * values_of_block, n = std::min(int64_t{values_of_block}, a.n - first);
  const auto update = [&](auto count) {
    update_values<count()>(f, mine.tensor->keep, a.grad + first, n, a.exp_avg + first, a.exp_avg_sq + first,
                           a.param + first);
  };
  if (mine.tensor->is_packed)
    update(std::integral_constant<int, values_of_16_bytes<T>()>{});
  else
    update(std::integral_constant<int, 1>{});
}

}  // namespace

template <typename T>
void adamw(Cuda on, const AdamWStep& step, std::span<const AdamWTensor<T>> tensors) {
  constexpr int count = values_of_16_bytes<T>();
  TensorTable<Updated<T>> table;
  const auto start = [&] {
    launch({table.blocks(), threads, 0, stream_of(on)}, update_tensors<T>, AdamWFactors<T>(step), table);
    table.count = 0;
  };
  for (const AdamWTensor<T>& a : tensors) {
    const bool is_packed = holds_packs<count>(a.grad) && holds_packs<count>(a.exp_avg) &&
                           holds_packs<count>(a.exp_avg_sq) && holds_packs<count>(a.param);
    table.add({a, a.keep(step), is_packed}, (a.n + values_of_block - 1) / values_of_block);
    if (table.is_full()) start();
  }
  start();
}
template void adamw(Cuda, const AdamWStep&, std::span<const AdamWTensor<float>>);
template void adamw(Cuda, const AdamWStep&, std::span<const AdamWTensor<double>>);

}  // namespace modr::kernels
