#include "tensor/random_fill.hpp"

#include <gtest/gtest.h>
#include <omp.h>

namespace modr {
namespace {

// From part of a vector to several pieces on several threads; one attempt in 370 is rejected.
constexpr int64_t sizes[] = {0, 1, 15, 17, 8192, 8193, 100'000, 300'001};

template <typename T>
std::vector<T> truncated_one_by_one(const PhiloxStream& stream, int64_t first, double std, int64_t count) {
  PhiloxSequence sequence(stream);
  for (int64_t i = 0; i < 4 * first; ++i) sequence.next_u32();
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<T>(std * sequence.truncated_normal(3)));
  return values;
}

template <typename T>
void expect_the_sequence(int threads) {
  omp_set_num_threads(threads);
  const PhiloxStream stream(7, RandomStream::init, 12345678901234, 3);
  for (const int64_t size : sizes) {
    for (const int64_t first : {0, 1, 1000}) {
      const Tensor tensor = Tensor::empty({size}, dtype_of<T>());
      const uint64_t version = tensor.version();
      const int64_t next = fill_truncated_normal(tensor, stream, first, 0.02, 3);
      const std::span<T> values = tensor.span<T>();
      ASSERT_EQ(std::vector<T>(values.begin(), values.end()), truncated_one_by_one<T>(stream, first, 0.02, size))
          << size << " values from block " << first << " on, " << threads << " threads";
      EXPECT_NE(tensor.version(), version);
      const Tensor further = Tensor::empty({3}, dtype_of<T>());
      fill_truncated_normal(further, stream, next, 0.02, 3);
      EXPECT_EQ(further.to_vector().back(), truncated_one_by_one<T>(stream, first, 0.02, size + 3).back());
    }
  }
}

TEST(RandomFill, TruncatedNormalsAreThoseOfTheSequenceOnAnyNumberOfThreads) {
  const int before = omp_get_max_threads();
  for (const int threads : {1, 2, 3}) {
    expect_the_sequence<float>(threads);
    expect_the_sequence<double>(threads);
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
