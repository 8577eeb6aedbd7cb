// kernels/cuda/packed_gemm.cu against its twin on the CPU, over the emulated cuBLASLt. The layouts are each place's
// own.
#include "kernels/api/packed_gemm.hpp"

#include <algorithm>

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

struct Size {
  int64_t n, k;
};
const Size sizes[] = {{1, 1}, {3, 5}, {40, 33}, {33, 70}, {64, 96}};

// Calls f(place, packed) on the CPU and on the device in two orders, with room for a packed W [n, k].
template <typename OnCpu, typename OnDevice>
void on_both(const Size& size, OnCpu on_cpu, OnDevice on_device) {
  std::vector<std::byte> packed(packed_size(Cpu{}, size.k, size.n));
  on_cpu(Cpu{}, packed.data());
  for (const RunOrder& order : {RunOrder{emulated::Order::reverse, emulated::Streams::eager, 0},
                                RunOrder{emulated::Order::shuffled, emulated::Streams::lazy, 3}}) {
    SCOPED_TRACE("W " + std::to_string(size.n) + " x " + std::to_string(size.k) + ", " + text_of(order));
    set_order(order);
    const DeviceStream stream;
    const DeviceVector<std::byte> on(packed_size(stream.place(), size.k, size.n));
    on_device(stream.place(), on.data());
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

template <typename S>
class Packed : public testing::Test {};
using Types = testing::Types<float, bfloat16>;
TYPED_TEST_SUITE(Packed, Types);

// From rows of W and of W^T, longer than what is used, and back into both types: the rounded values.
TYPED_TEST(Packed, IsWhatWasPacked) {
  using S = TypeParam;
  for (const Size& size : sizes)
    for (const bool transposed : {false, true}) {
      const auto& [n, k] = size;
      const int64_t ldb = (transposed ? k : n) + 2;
      const std::vector<S> b = values<S>((transposed ? n : k) * ldb);
      const DeviceVector<S> b_there(b);
      std::vector<float> expected(static_cast<std::size_t>(n * k));
      const auto on_cpu = [&, n = n, k = k](Cpu on, std::byte* packed) {
        pack(on, k, n, b.data(), ldb, transposed, packed);
        unpack(on, k, n, packed, expected.data());
      };
      const auto on_device = [&, n = n, k = k](Cuda on, std::byte* packed) {
        const DeviceVector<float> floats(expected.size());
        const DeviceVector<bfloat16> halves(expected.size());
        pack(on, k, n, static_cast<const S*>(b_there.data()), ldb, transposed, packed);
        unpack(on, k, n, packed, floats.data());
        unpack(on, k, n, packed, halves.data());
        check_bits(expected, floats.values());
        const std::vector<bfloat16> found = halves.values();
        check_bits(expected, std::vector<float>(found.begin(), found.end()));
      };
      on_both(size, on_cpu, on_device);
    }
}

// Both ways, of no rows, one, and some; `lda` and `ldc` longer than what is used.
template <typename C, typename Product>
void expect_products(Product product) {
  for (const Size& size : sizes)
    for (const int64_t m : {0, 1, 7, 40})
      for (const bool accumulate : {false, true}) {
        const int64_t widest = std::max(size.n, size.k), lda = widest + 1, ldc = widest + 3;
        const PackedGemm shape{m, size.n, size.k, lda, ldc, accumulate};
        const std::vector<bfloat16> w = values<bfloat16>(size.n * size.k), a = values<bfloat16>(m * lda, 2);
        std::vector<C> expected(static_cast<std::size_t>(m * ldc), static_cast<C>(0.5f));
        const std::vector<C> before = expected;
        const DeviceVector<bfloat16> w_there(w), a_there(a);
        on_both(
            size,
            [&](Cpu on, std::byte* packed) {
              pack(on, size.k, size.n, w.data(), size.k, true, packed);
              product(on, shape, a.data(), packed, expected.data());
            },
            [&](Cuda on, std::byte* packed) {
              const DeviceVector<C> c(before);
              pack(on, size.k, size.n, static_cast<const bfloat16*>(w_there.data()), size.k, true, packed);
              product(on, shape, a_there.data(), packed, c.data());
              check_closeness<C>(9, sizeof(C) == 2 ? 2 : 32)(expected, c.values());
            });
      }
}

TYPED_TEST(Packed, Product) {
  using C = TypeParam;
  expect_products<C>([](auto on, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c) {
    packed_gemm(on, shape, a, packed, c);
  });
}

TYPED_TEST(Packed, ProductOnTheWayBack) {
  using C = TypeParam;
  EXPECT_TRUE(packed_is_open(Cuda{}));
  if (!packed_is_open(Cpu{})) GTEST_SKIP() << "this processor's layout (AMX) has no way back";
  expect_products<C>([](auto on, const PackedGemm& shape, const bfloat16* a, const std::byte* packed, C* c) {
    packed_gemm_back(on, shape, a, packed, c);
  });
}

TEST(PackedRows, Gather) {
  if (!packed_is_open(Cpu{})) GTEST_SKIP() << "this processor's layout (AMX) has no rows";
  for (const Size& size : sizes) {
    const auto& [n, k] = size;
    const std::vector<float> w = values<float>(n * k);
    const std::vector<int32_t> index{0, static_cast<int32_t>(n - 1), static_cast<int32_t>(n / 2), 0};
    const DeviceVector<float> w_there(w);
    const DeviceVector<int32_t> index_there(index);
    std::vector<bfloat16> expected(index.size() * static_cast<std::size_t>(k));
    on_both(
        size,
        [&, n = n, k = k](Cpu on, std::byte* packed) {
          pack(on, k, n, w.data(), k, true, packed);
          gather_packed_rows(on, k, n, packed, index.data(), std::ssize(index), 0.7f, expected.data());
        },
        [&, n = n, k = k](Cuda on, std::byte* packed) {
          const DeviceVector<bfloat16> out(expected.size());
          pack(on, k, n, static_cast<const float*>(w_there.data()), k, true, packed);
          gather_packed_rows(on, k, n, packed, index_there.data(), std::ssize(index), 0.7f, out.data());
          check_bits(expected, out.values());
        });
  }
}

}  // namespace
}  // namespace modr::kernels
