// Every kernel of kernels/cuda/elementwise.cu against its twin on the CPU.
#include "kernels/api/elementwise.hpp"

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Elementwise : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(Elementwise, Types);
template <typename T>
class ElementwiseExact : public testing::Test {};
using ExactTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(ElementwiseExact, ExactTypes);

constexpr int64_t sizes[] = {0, 1, 3, 255, 256, 1001, 4096};

TYPED_TEST(Elementwise, Convert) {
  using T = TypeParam;
  const auto to = [&]<typename To>(To) {
    for (int64_t n : sizes)
      expect_same_bits<To>(values<T>(n), n, [=](auto on, const T* x, To* y) { convert(on, x, n, y); });
  };
  to(float{});
  to(double{});
  to(bfloat16{});
}

TYPED_TEST(Elementwise, FromOddAddresses) {
  using T = TypeParam;
  for (int64_t n : {1, 7, 300})
    expect_same_bits<T>(values<T>(n + 1), n + 1, [=](auto on, const T* x, T* y) {
      fill(on, T(0.0f), int64_t{1}, y);
      convert(on, x + 1, n, y + 1);
    });
}

TYPED_TEST(Elementwise, Fill) {
  using T = TypeParam;
  for (int64_t n : sizes)
    expect_same_bits<T>(values<T>(0), n, [=](auto on, const T*, T* y) { fill(on, T(1.75f), n, y); });
}

TYPED_TEST(Elementwise, AddScaled) {
  using T = TypeParam;
  for (int64_t n : sizes)  // the CPU may round a product and a sum once, which shows where they nearly cancel
    expect_close<T>(values<T>(n), n, 2, 8, [=](auto on, const T* x, T* y) {
      convert(on, x, n, y);
      add_scaled(on, x, Exact<T>(-0.37), n, y);
    });
}

TYPED_TEST(Elementwise, Scale) {
  using T = TypeParam;
  for (int64_t n : sizes)
    expect_same_bits<T>(values<T>(n), n, [=](auto on, const T* x, T* y) {
      convert(on, x, n, y);
      scale(on, Exact<T>(0.7), n, y);
    });
}

TYPED_TEST(Elementwise, Add) {
  using T = TypeParam;
  for (int64_t n : sizes)
    expect_same_bits<T>(values<T>(2 * n), n, [=](auto on, const T* x, T* y) { add(on, x, x + n, n, y); });
}

TYPED_TEST(Elementwise, ScaleByAFactorThatIsThere) {
  using T = TypeParam;
  for (const double factor : {1.0, 0.3})
    for (int64_t n : sizes)
      expect_same_bits<T, Exact<T>>(values<T>(n), {Exact<T>(factor)}, n,
                                    [=](auto on, const T* x, const Exact<T>* by, T* y) {
                                      convert(on, x, n, y);
                                      scale_by(on, by, n, y);
                                    });
}

TYPED_TEST(Elementwise, AddSquares) {
  using T = TypeParam;
  for (int64_t n : {0, 1, 255, 4097, 20001})  // in double, each in its order
    expect_close<double>(values<T>(n), 1, 1, 32, [=](auto on, const T* x, double* y) {
      const std::span<const T> all(x, static_cast<std::size_t>(n));
      fill(on, 0.5, int64_t{1}, y);
      add_squares<T>(on, {&all, 1}, y);
    });
}

// More than one launch takes, some of them at odd addresses: those have the same sum there.
TYPED_TEST(Elementwise, AddSquaresOfManyTensors) {
  using T = TypeParam;
  std::vector<std::size_t> sizes_of = {0, 5000, 1, 9001, 0, 7, 4096, 20'001, 255};
  for (std::size_t i = 0; i < 400; ++i) sizes_of.push_back(i % 11);
  for (const std::size_t gap : {std::size_t{8}, std::size_t{1}}) {
    std::vector<std::size_t> begins;
    std::size_t n = 0;
    for (const std::size_t size : sizes_of) {
      begins.push_back(n);
      n += size / gap * gap + gap;
    }
    expect_close<double>(values<T>(static_cast<int64_t>(n)), 1, 1, 64, [&](auto on, const T* x, double* y) {
      std::vector<std::span<const T>> tensors;
      for (std::size_t i = 0; i < sizes_of.size(); ++i) tensors.emplace_back(x + begins[i], sizes_of[i]);
      fill(on, 0.5, int64_t{1}, y);
      add_squares<T>(on, tensors, y);
    });
  }
}

TYPED_TEST(Elementwise, AddSquaresDoesNotDependOnAddresses) {
  using T = TypeParam;
  constexpr std::size_t n = 30'003;
  const DeviceStream stream;
  const DeviceVector<T> x(values<T>(int64_t{n} + 1));
  const auto sum_from = [&](std::size_t first) {
    const DeviceVector<T> copy(n + 1);
    check_cuda(cudaMemcpy(copy.data() + first, x.data(), n * sizeof(T), cudaMemcpyDeviceToDevice), "a copy");
    const DeviceVector<double> sum(std::vector<double>{0});
    const std::span<const T> all(copy.data() + first, n);
    add_squares<T>(stream.place(), {&all, 1}, sum.data());
    return sum.values();
  };
  EXPECT_EQ(sum_from(0), sum_from(1));
}

TYPED_TEST(Elementwise, CopyOfAnyStrides) {
  using T = TypeParam;
  const StridedCopy dense{3, {2, 3, 5}, {15, 5, 1}, {15, 5, 1}};
  const StridedCopy turned{3, {2, 3, 5}, {15, 5, 1}, {1, 10, 2}};
  const StridedCopy repeated{2, {4, 7}, {0, 1}, {7, 1}};
  const StridedCopy six{6, {2, 1, 3, 1, 2, 3}, {18, 18, 6, 6, 3, 1}, {1, 0, 2, 0, 6, 12}};
  const StridedCopy one{0, {}, {}, {}};
  const StridedCopy none{2, {0, 3}, {3, 1}, {3, 1}};
  for (const auto& [shape, n] : {std::pair{dense, 30}, {turned, 30}, {repeated, 28}, {six, 36}, {one, 1}, {none, 0}})
    expect_same_bits<float>(values<T>(40), n, [&, &as = shape](auto on, const T* x, float* y) { copy(on, as, x, y); });
}

TYPED_TEST(Elementwise, MoreThanAllBlocksAtOnce) {
  using T = TypeParam;
  constexpr int64_t n = 4096 * 256 + 257;
  expect_same_bits<T>(values<T>(n), n + 1, [=](auto on, const T* x, T* y) {  // (odd: one value at a time)
    fill(on, T(0.0f), int64_t{1}, y);
    convert(on, x, n, y + 1);
  }, {run_orders()[0], run_orders()[2]});
}

TEST(Elementwise, AddUp) {
  for (int64_t n : {0, 1, 100})
    expect_same_bits<double>(values<double>(n), 1, [=](auto on, const double* x, double* y) {
      fill(on, 0.25, int64_t{1}, y);
      add_up(on, x, n, y);
    });
}

TYPED_TEST(ElementwiseExact, Sigmoid) {
  using T = TypeParam;
  for (int64_t n : sizes)  // exp differs by some ulp between libraries
    expect_close<T>(values<T>(n), n, 1, 4, [=](auto on, const T* x, T* y) { sigmoid(on, x, n, y); });
}

TYPED_TEST(ElementwiseExact, SigmoidBackward) {
  using T = TypeParam;
  for (int64_t n : sizes)
    expect_same_bits<T>(values<T>(2 * n), n, [=](auto on, const T* x, T* y) { sigmoid_backward(on, x, x + n, n, y); });
}

TYPED_TEST(ElementwiseExact, AddTurned) {
  using T = TypeParam;
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{0, 5}, {1, 1}, {33, 65}, {5, 100}, {31, 1}})
    expect_close<T>(values<T>(rows * columns), rows * columns, 2, 8,
                    [m = rows, n = columns](auto on, const T* x, T* y) {
                      fill(on, T(0.125), m * n, y);
                      add_turned(on, x, m, n, T(0.9), y);
                    });
}

TEST(Elementwise, AddTurnedOfMoreTilesThanBlocks) {
  constexpr int64_t rows = 4096 * 32 + 33;
  const auto run = [](auto on, const float* x, float* y) {
    fill(on, 0.125f, rows, y);
    add_turned(on, x, rows, int64_t{1}, 0.9f, y);
  };
  run_twins<float>(rows, run, check_closeness<float>(2, 8), {run_orders()[2]}, values<float>(rows));
}

}  // namespace
}  // namespace modr::kernels
