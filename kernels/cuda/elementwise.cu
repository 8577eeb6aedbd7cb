#include "kernels/api/elementwise.hpp"
#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/tensor_table.hpp"
#include "kernels/cuda/turn.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t most_blocks = 4096;

// out[i] = f(in[i]...), i < n, `count` values at a time and the last ones alone. `out` may be one of `in`.
template <int count, typename F, typename Out, typename... In>
__global__ void __launch_bounds__(threads) map_values(F f, int64_t n, Out* out, const In*... in) {
  const int64_t first = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, step = int64_t{gridDim.x} * blockDim.x;
  const int64_t packs = n / count;
  for (int64_t i = first; i < packs; i += step) {
    const auto apply = [&](const Pack<In, count>... values) {
      Pack<Out, count> results;
#pragma unroll
      for (int j = 0; j < count; ++j) results.of[j] = f(values.of[j]...);
      reinterpret_cast<Pack<Out, count>*>(out)[i] = results;
    };
    apply(reinterpret_cast<const Pack<In, count>*>(in)[i]...);
  }
  for (int64_t i = packs * count + first; i < n; i += step) out[i] = f(in[i]...);
}

template <typename F, typename Out, typename... In>
void map(Cuda on, F f, int64_t n, Out* out, const In*... in) {
  constexpr int count = std::min({values_of_16_bytes<Out>(), values_of_16_bytes<In>()...});
  const bool packed = holds_packs<count>(out) && (holds_packs<count>(in) && ...);
  const Launch at{blocks_for(packed ? (n + count - 1) / count : n, threads, most_blocks), threads, 0, stream_of(on)};
  if (packed) launch(at, map_values<count, F, Out, In...>, f, n, out, in...);
  else launch(at, map_values<1, F, Out, In...>, f, n, out, in...);
}

template <typename From, typename To>
struct Convert {
  __device__ To operator()(From value) const { return static_cast<To>(static_cast<Exact<To>>(value)); }
};
template <typename T>
struct Convert<T, T> {
  __device__ T operator()(T value) const { return value; }
};

template <typename T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

template <typename T>
struct AddScaled {
  Exact<T> factor;
  __device__ T operator()(T y, T x) const {
    return static_cast<T>(static_cast<Exact<T>>(y) + factor * static_cast<Exact<T>>(x));
  }
};

template <typename T>
struct Scale {
  Exact<T> factor;
  __device__ T operator()(T y) const { return static_cast<T>(factor * static_cast<Exact<T>>(y)); }
};

template <typename T>
struct ScaleBy {
  const Exact<T>* factor;
  __device__ T operator()(T y) const {
    return *factor == 1 ? y : static_cast<T>(*factor * static_cast<Exact<T>>(y));
  }
};

template <typename T>
struct Add {
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Exact<T>>(a) + static_cast<Exact<T>>(b));
  }
};

__device__ inline float exp_of(float x) { return expf(x); }
__device__ inline double exp_of(double x) { return exp(x); }

template <typename T>
struct Sigmoid {
  __device__ T operator()(T x) const { return T{1} / (T{1} + exp_of(-x)); }
};

template <typename T>
struct SigmoidBackward {
  __device__ T operator()(T dy, T y) const { return dy * y * (T{1} - y); }
};

}  // namespace

template <typename From, typename To>
void convert(Cuda on, const From* from, int64_t n, To* to) {
  map(on, Convert<From, To>{}, n, to, from);
}

template <typename T>
void fill(Cuda on, T value, int64_t n, T* y) {
  map(on, Constant<T>{value}, n, y);
}

template <typename T>
void add_scaled(Cuda on, const T* x, Exact<T> factor, int64_t n, T* y) {
  map(on, AddScaled<T>{factor}, n, y, y, x);
}

template <typename T>
void scale(Cuda on, Exact<T> factor, int64_t n, T* y) {
  map(on, Scale<T>{factor}, n, y, y);
}

template <typename T>
void add(Cuda on, const T* a, const T* b, int64_t n, T* out) {
  map(on, Add<T>{}, n, out, a, b);
}

template <typename T>
void sigmoid(Cuda on, const T* x, int64_t n, T* out) {
  map(on, Sigmoid<T>{}, n, out, x);
}

template <typename T>
void sigmoid_backward(Cuda on, const T* dy, const T* y, int64_t n, T* dx) {
  map(on, SigmoidBackward<T>{}, n, dx, dy, y);
}

template <typename T>
void scale_by(Cuda on, const Exact<T>* factor, int64_t n, T* y) {
  map(on, ScaleBy<T>{factor}, n, y, y);
}

namespace {

__global__ void add_up_in_order(const double* x, int64_t n, double* sum) {
  double all = *sum;
  for (int64_t i = 0; i < n; ++i) all += x[i];
  *sum = all;
}

template <typename T>
struct Squared {
  const T* x;
  int64_t n;
  bool is_packed;
};

// The sum of a part's squares is the same whether its values are loaded in packs or alone.
template <typename T>
__global__ void __launch_bounds__(threads)
    squares_of_parts(const __grid_constant__ TensorTable<Squared<T>> table, int64_t values_of_part, double* sums) {
  constexpr int count = values_of_16_bytes<T>();
  const PartOfTensor<Squared<T>> mine(table);
  const int64_t first = mine.part * values_of_part, n = std::min(values_of_part, mine.tensor->n - first);
  const T* x = mine.tensor->x + first;
  double sum = 0;
  const auto add = [&](T value) {
    const auto exact = static_cast<double>(static_cast<Exact<T>>(value));
    sum += exact * exact;
  };
  for (int64_t at = threadIdx.x * count; at < n; at += threads * count) {
    if (mine.tensor->is_packed && at + count <= n) {
      const Pack<T, count> values = load_pack<count>(x + at, 0);
#pragma unroll
      for (int j = 0; j < count; ++j) add(values.of[j]);
    } else {
      for (int64_t i = at; i < std::min(at + count, n); ++i) add(x[i]);
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) add_parts(const double* sums, int64_t parts, double* sum) {
  double mine = 0;
  for (int64_t i = threadIdx.x; i < parts; i += blockDim.x) mine += sums[i];
  mine = block_sum(mine);
  if (threadIdx.x == 0) *sum += mine;
}

}  // namespace

void add_up(Cuda on, const double* x, int64_t n, double* sum) {
  launch({1, 1, 0, stream_of(on)}, add_up_in_order, x, n, sum);
}

template <typename T>
void add_squares(Cuda on, std::span<const std::span<const T>> tensors, double* sum) {
  constexpr int64_t least = 16 * threads, most_parts = 4096;  // values of a part; parts, but for the ends of tensors
  int64_t n = 0, parts = 0;
  for (const std::span<const T> x : tensors) n += std::ssize(x);
  const int64_t of_part = std::max<int64_t>(1, (n + least * most_parts - 1) / (least * most_parts)) * least;
  const auto parts_of = [&](std::span<const T> x) { return (std::ssize(x) + of_part - 1) / of_part; };
  for (const std::span<const T> x : tensors) parts += parts_of(x);
  if (parts == 0) return;

  const cudaStream_t stream = stream_of(on);
  const Scratch scratch(on, static_cast<std::size_t>(parts) * sizeof(double));
  double* sums = scratch.as<double>();
  TensorTable<Squared<T>> table;
  double* to = sums;
  const auto start = [&] {
    launch({table.blocks(), threads, 0, stream}, squares_of_parts<T>, table, of_part, to);
    to += table.blocks();
    table.count = 0;
  };
  for (const std::span<const T> x : tensors) {
    table.add({x.data(), std::ssize(x), holds_packs<values_of_16_bytes<T>()>(x.data())}, parts_of(x));
    if (table.is_full()) start();
  }
  start();
  launch({1, threads, 0, stream}, add_parts, sums, parts, sum);
}

namespace {

template <typename From, typename To>
__global__ void __launch_bounds__(threads) copy_values(StridedCopy shape, int64_t n, const From* from, To* to) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x) {
    int64_t rest = i, from_at = 0, to_at = 0;
    for (int dim = static_cast<int>(shape.rank) - 1; dim >= 0; --dim) {
      const int64_t index = rest % shape.sizes[dim];
      rest /= shape.sizes[dim];
      from_at += index * shape.from_strides[dim];
      to_at += index * shape.to_strides[dim];
    }
    to[to_at] = Convert<From, To>{}(from[from_at]);
  }
}

// Dimensions of one value left out, neighbours that lie together on both sides made one.
StridedCopy merged(const StridedCopy& shape) {
  StridedCopy all;
  for (int64_t dim = 0; dim < shape.rank; ++dim) {
    const int64_t size = shape.sizes[dim], from = shape.from_strides[dim], to = shape.to_strides[dim];
    if (size == 1) continue;
    const int64_t last = all.rank - 1;
    const bool together = last >= 0 && all.from_strides[last] == size * from && all.to_strides[last] == size * to;
    const int64_t at = together ? last : all.rank++;
    all.sizes[at] = together ? all.sizes[at] * size : size;
    all.from_strides[at] = from;
    all.to_strides[at] = to;
  }
  return all;
}

}  // namespace

template <typename From, typename To>
void copy(Cuda on, const StridedCopy& shape, const From* from, To* to) {
  const StridedCopy least = merged(shape);
  int64_t n = 1;
  for (int64_t dim = 0; dim < least.rank; ++dim) n *= least.sizes[dim];
  const bool dense = least.rank == 0 || (least.rank == 1 && least.from_strides[0] == 1 && least.to_strides[0] == 1);
  if (dense) return convert(on, from, n, to);
  launch({blocks_for(n, threads, most_blocks), threads, 0, stream_of(on)}, copy_values<From, To>, least, n, from, to);
}

namespace {

template <typename T>
struct AddTurned {
  T factor;
  __device__ void operator()(T& to, T from) const { to += factor * from; }
};

}  // namespace

template <typename T>
void add_turned(Cuda on, const T* from, int64_t rows, int64_t columns, T factor, T* to) {
  turn(on, AddTurned<T>{factor}, from, rows, columns, columns, to);
}

#define MODR_ELEMENTWISE(T)                                                      \
  template void convert(Cuda, const T*, int64_t, float*);                        \
  template void convert(Cuda, const T*, int64_t, double*);                       \
  template void convert(Cuda, const T*, int64_t, bfloat16*);                     \
  template void fill(Cuda, T, int64_t, T*);                                      \
  template void add_scaled(Cuda, const T*, Exact<T>, int64_t, T*);               \
  template void scale(Cuda, Exact<T>, int64_t, T*);                              \
  template void add(Cuda, const T*, const T*, int64_t, T*);                      \
  template void scale_by(Cuda, const Exact<T>*, int64_t, T*);                    \
  template void add_squares(Cuda, std::span<const std::span<const T>>, double*); \
  template void copy(Cuda, const StridedCopy&, const T*, float*);                \
  template void copy(Cuda, const StridedCopy&, const T*, double*);               \
  template void copy(Cuda, const StridedCopy&, const T*, bfloat16*);
MODR_ELEMENTWISE(float)
MODR_ELEMENTWISE(double)
MODR_ELEMENTWISE(bfloat16)

#define MODR_EXACT(T)                                                    \
  template void sigmoid(Cuda, const T*, int64_t, T*);                    \
  template void sigmoid_backward(Cuda, const T*, const T*, int64_t, T*); \
  template void add_turned(Cuda, const T*, int64_t, int64_t, T, T*);
MODR_EXACT(float)
MODR_EXACT(double)

}  // namespace modr::kernels
