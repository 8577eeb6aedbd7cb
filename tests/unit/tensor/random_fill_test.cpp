#include "tensor/random_fill.hpp"

#include <gtest/gtest.h>
#include <omp.h>

namespace modr {
namespace {

// From part of a vector to several pieces on several threads; one attempt in 370 is rejected.
constexpr int64_t sizes[] = {0, 1, 15, 17, 8192, 8193, 100'000, 300'001};

template <typename T>
std::vector<Exact<T>> truncated_one_by_one(const PhiloxStream& stream, const kernels::NormalScale& scale,
                                           int64_t count) {
  PhiloxSequence sequence(stream);
  std::vector<Exact<T>> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<T>(static_cast<Exact<T>>(scale.of(i) * sequence.truncated_normal(3))));
  return values;
}

template <typename T>
void expect_the_sequence(int threads) {
  omp_set_num_threads(threads);
  const PhiloxStream stream(7, RandomStream::init, 12345678901234, 3);
  for (const int64_t size : sizes) {
    for (const kernels::NormalScale& scale :
         {kernels::NormalScale{0.02}, kernels::NormalScale{0.02, size / 2, 0.005}, kernels::NormalScale{0.02, 0, 7}}) {
      const Tensor tensor = Tensor::empty({size}, dtype_of<T>());
      const uint64_t version = tensor.version();
      fill_truncated_normal(tensor, stream, scale, 3);
      const std::span<T> values = tensor.span<T>();
      ASSERT_EQ(std::vector<Exact<T>>(values.begin(), values.end()), truncated_one_by_one<T>(stream, scale, size))
          << size << " values, from value " << scale.from << " on other ones, " << threads << " threads";
      EXPECT_NE(tensor.version(), version);
    }
  }
}

TEST(RandomFill, TruncatedNormalsAreThoseOfTheSequenceOnAnyNumberOfThreads) {
  const int before = omp_get_max_threads();
  for (const int threads : {1, 2, 3}) {
    expect_the_sequence<float>(threads);
    expect_the_sequence<double>(threads);
    expect_the_sequence<bfloat16>(threads);
  }
  omp_set_num_threads(before);
}

TEST(RandomFill, UniformsFromAnyPlaceOnAreThoseOfTheSequence) {
  const PhiloxStream stream(7, RandomStream::init, 5);
  PhiloxSequence sequence(stream);
  std::vector<double> all;
  for (int64_t i = 0; i < 100'000; ++i) all.push_back(0.5 * (2 * sequence.uniform() - 1));
  for (const int64_t first : {0, 1, 2, 333}) {
    const Tensor tensor = Tensor::empty({std::ssize(all) - first}, DType::f64);
    fill_uniform(tensor, stream, first, 0.5);
    ASSERT_EQ(tensor.to_vector(), std::vector<double>(all.begin() + first, all.end())) << "from " << first << " on";
  }
}

}  // namespace
}  // namespace modr
