// kernels/cuda/gemm.cu against its twin on the CPU, over the emulated cuBLASLt.
#include "kernels/api/gemm.hpp"

#include <cublasLt.h>

#include <string>

#include "kernels/api/elementwise.hpp"
#include "kernels/cuda/cublaslt.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

// One behind the other in one array: A, then B, then what C holds before.
struct Operands {
  GemmShape shape;
  int64_t gap;  // values in front of A, so that nothing is aligned

  int64_t rows_a() const { return shape.transpose_a ? shape.k : shape.m; }
  int64_t rows_b() const { return shape.transpose_b ? shape.n : shape.k; }
  int64_t a() const { return gap; }
  int64_t b() const { return a() + rows_a() * shape.lda; }
  int64_t end() const { return b() + rows_b() * shape.ldb; }
  int64_t size_c() const { return shape.m * shape.ldc; }
};

// Products of all four kinds: empty ones, single values, odd sizes, rows longer than what is used.
std::vector<Operands> all_operands() {
  std::vector<Operands> all;
  const int64_t sizes[][3] = {{0, 5, 3}, {5, 0, 3}, {3, 5, 0}, {1, 1, 1}, {2, 9, 70}, {33, 17, 48}, {64, 40, 32}};
  for (const auto& [m, n, k] : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const int64_t longer : {0, 3}) {
          const GemmShape shape{ta, tb, m, n, k, (ta ? m : k) + longer, (tb ? k : n) + longer, n + longer};
          all.push_back({shape, longer});
        }
  return all;
}

// The products of the sizes are of about sqrt(k); their sums go over k in any order.
double magnitude_of(const Operands& o) { return std::sqrt(static_cast<double>(o.shape.k)) + 1; }

// In memory that C [m, n] does not use there is something, which stays.
template <typename T>
void fill_c(const Operands& o, T* c) {
  for (int64_t i = 0; i < o.size_c(); ++i)
    c[i] = static_cast<T>(static_cast<Exact<T>>(0.25 * static_cast<double>(i % 7) - 0.5));
}

const RunOrder orders[] = {{emulated::Order::forward, emulated::Streams::eager, 0},
                           {emulated::Order::shuffled, emulated::Streams::lazy, 1}};

// product(place, a, b, c) on both, over what fill_c() left, or over NaNs where C is not read.
template <typename In, typename C, typename Product>
void expect_same_product(const Operands& o, bool reads_c, double roundings, Product product) {
  const std::vector<In> in = values<In>(o.end());
  std::vector<C> expected(static_cast<std::size_t>(o.size_c()));
  fill_c(o, expected.data());
  if (!reads_c)
    for (int64_t i = 0; i < o.shape.m; ++i)
      for (int64_t j = 0; j < o.shape.n; ++j)
        expected[static_cast<std::size_t>(i * o.shape.ldc + j)] = static_cast<C>(std::nanf(""));
  const std::vector<C> before = expected;
  product(Cpu{}, in.data() + o.a(), in.data() + o.b(), expected.data());
  for (const RunOrder& order : orders) {
    SCOPED_TRACE(std::to_string(o.shape.m) + " x " + std::to_string(o.shape.k) + " x " + std::to_string(o.shape.n) +
                 (o.shape.transpose_a ? " A^T" : "") + (o.shape.transpose_b ? " B^T" : "") + ", " + text_of(order));
    set_order(order);
    const DeviceStream stream;
    const DeviceVector<In> on_device(in);
    const DeviceVector<C> given(before), c(before.size());
    convert(stream.place(), static_cast<const C*>(given.data()), std::ssize(before),
            c.data());  // in the stream's order
    product(stream.place(), static_cast<const In*>(on_device.data()) + o.a(),
            static_cast<const In*>(on_device.data()) + o.b(), c.data());
    check_closeness<C>(magnitude_of(o), roundings)(expected, c.values());
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

template <typename T>
class Gemm : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Types);

TYPED_TEST(Gemm, WithFactors) {
  using T = TypeParam;
  const std::pair<double, double> factors[] = {{1, 0}, {1, 1}, {-0.5, 0}, {2, 0.75}};
  for (const Operands& o : all_operands())
    for (const auto& [alpha, beta] : factors) {
      const auto product = [&, alpha = T(alpha), beta = T(beta)](auto on, const T* a, const T* b, T* c) {
        gemm(on, o.shape, alpha, a, b, beta, c);
      };
      expect_same_product<T, T>(o, beta != 0, 32, product);
    }
}

template <typename C>
class GemmOfBfloat16 : public testing::Test {};
using Results = testing::Types<float, bfloat16>;
TYPED_TEST_SUITE(GemmOfBfloat16, Results);

TYPED_TEST(GemmOfBfloat16, WithSumsInFloat) {
  using C = TypeParam;
  for (const Operands& o : all_operands())
    for (const bool accumulate : {false, true}) {
      const auto product = [&](auto on, const bfloat16* a, const bfloat16* b, C* c) {
        gemm_bf16(on, o.shape, a, b, accumulate, c);
      };
      expect_same_product<bfloat16, C>(o, accumulate, sizeof(C) == 2 ? 2 : 32, product);
    }
}

// Sums of bf16 products in float: 4096 ones and one more would be lost in bf16.
TEST(GemmOfBfloat16, KeepsSumsInFloat) {
  const int64_t k = 4097;
  const DeviceVector<bfloat16> ones(std::vector<bfloat16>(static_cast<std::size_t>(k), bfloat16(1.0f)));
  const DeviceVector<float> c(1);
  gemm_bf16(Cuda{}, {false, true, 1, 1, k, k, k, 1}, ones.data(), ones.data(), false, c.data());
  EXPECT_EQ(c.values()[0], 4097.0f);
}

// The same product again takes what was planned; another alignment or type is another plan.
TEST(Plans, AreOfTheAlignmentOfTheirPointers) {
  const DeviceVector<float> x(values<float>(300)), c(100);
  for (const int64_t at : {0, 1, 0, 2, 4, 1}) {
    gemm(Cuda{}, {false, true, 4, 5, 6, 6, 6, 5}, 1.0f, x.data() + at, x.data() + 100 + at, 0.0f, c.data() + at);
    check_cuda(cudaDeviceSynchronize(), "products");
  }
}

std::string error_of(const GemmShape& shape, const float* a, const float* b, float* c) {
  try {
    gemm(Cuda{}, shape, 1.0f, a, b, 0.0f, c);
    check_cuda(cudaDeviceSynchronize(), "products");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// What the library would refuse, or what would read past the end of memory.
TEST(Refused, WrongSizesAndMemory) {
  const DeviceVector<float> x(60), c(30);
  const std::vector<float> host(60);
  const GemmShape good{false, false, 5, 6, 4, 4, 6, 6};
  EXPECT_EQ(error_of(good, x.data(), x.data() + 20, c.data()), "");
  GemmShape narrow = good;
  narrow.ldb = 5;
  EXPECT_NE(error_of(narrow, x.data(), x.data() + 20, c.data()).find("columns of 6 values only 5 apart"),
            std::string::npos);
  EXPECT_NE(error_of(good, host.data(), x.data(), c.data()).find("bytes of B are not the device's"), std::string::npos);
  EXPECT_NE(error_of(good, x.data(), x.data() + 40, c.data()).find("bytes of A are not the device's"),
            std::string::npos);
  EXPECT_NE(error_of(good, x.data(), x.data() + 20, c.data() + 1).find("bytes of C are not the device's"),
            std::string::npos);
}

TEST(Refused, TypesThatDoNotFit) {
  const DeviceVector<float> x(60), c(30);
  const float one = 1, zero = 0;
  const ProductTypes types{CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F};
  EXPECT_THROW(multiply(Cuda{}, types, {false, false, 5, 6, 4, 4, 6, 6}, &one, x.data(), x.data(), &zero, c.data()),
               Error);
}

}  // namespace
}  // namespace modr::kernels
