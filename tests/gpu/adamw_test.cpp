// kernels/cuda/adamw.cu against its twin on the CPU.
#include "kernels/api/adamw.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class AdamW : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(AdamW, Types);

// Sizes from nothing to several blocks, and more tensors than one launch takes.
std::vector<int64_t> sizes_of_tensors() {
  std::vector<int64_t> sizes = {0, 1, 3, 256, 1001, 4096, 4097, 0, 3 * 4096, 10'007};
  for (int64_t i = 0; i < 130; ++i) sizes.push_back(i % 7);
  sizes.push_back(5000);
  return sizes;
}

// Tensors one behind the other in `in` (gradients) and `out` (three parts of n values: m, v and p), with gaps so that
// they hold packs, or, with a gap of 1, most of them do not.
template <typename T>
std::vector<AdamWTensor<T>> tensors_in(const T* in, T* out, int64_t n, int64_t gap) {
  std::vector<AdamWTensor<T>> tensors;
  int64_t at = 0;
  for (const int64_t size : sizes_of_tensors()) {
    tensors.push_back({in + at, size, out + at, out + n + at, out + 2 * n + at, at % 3 == 0 ? 0.1 : 0});
    at += (size + gap) / gap * gap;
  }
  EXPECT_LE(at, n);
  return tensors;
}

constexpr int64_t room = 42'000;

TYPED_TEST(AdamW, TwoStepsOfManyTensors) {
  using T = TypeParam;
  for (const int64_t gap : {1, 4})
    expect_close<T>(values<T>(room), 3 * room, 1, 16, [=](auto on, const T* in, T* out) {
      fill(on, T(0.5), 3 * room, out);
      for (const int64_t step : {1, 2})
        adamw<T>(on, AdamWStep{1e-2, 0.9, 0.95, 1e-8, step}, tensors_in(in, out, room, gap));
    });
}

TYPED_TEST(AdamW, OfNoTensors) {
  using T = TypeParam;
  expect_same_bits<T>(values<T>(1), 1, [](auto on, const T*, T* out) {
    fill(on, T(1), int64_t{1}, out);
    adamw<T>(on, AdamWStep{1e-2, 0.9, 0.95, 1e-8, 1}, {});
  });
}

// (On a GPU nothing is counted.)
TYPED_TEST(AdamW, TakesFewLaunches) {
  using T = TypeParam;
  const DeviceStream stream;
  const DeviceVector<T> in(values<T>(room)), out(values<T>(3 * room));
  const std::vector<AdamWTensor<T>> tensors = tensors_in<T>(in.data(), out.data(), room, 4);
  const uint64_t before = emulated::counters().launches;
  adamw<T>(stream.place(), AdamWStep{1e-2, 0.9, 0.95, 1e-8, 1}, tensors);
  check_cuda(cudaStreamSynchronize(stream.get()), "the kernel");
  EXPECT_LE(emulated::counters().launches - before, 3U) << tensors.size() << " tensors";
}

}  // namespace
}  // namespace modr::kernels
