#include "parallel/grad_reducer.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

const std::vector<Shape> shapes = {{7, 5}, {3}, {1, 1}, {0, 4}, {20, 33}, {2, 3, 4}};

ParameterList make_parameters(DType dtype) {
  ParameterList parameters;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    parameters.push_back({fmt::format("p{}", i), Variable(Tensor::zeros(shapes[i], dtype), true)});
  return parameters;
}

// What rank `rank` contributes to parameter `index`; any rank can compute it, so each checks the whole sum by itself.
std::vector<double> contribution(int rank, std::size_t index) {
  PhiloxSequence random(5, RandomStream::data, static_cast<uint64_t>(rank), static_cast<uint32_t>(index));
  std::vector<double> values(static_cast<std::size_t>(shapes[index].numel()));
  for (double& value : values) value = random.normal();
  return values;
}

void set_gradient(const Parameter& parameter, int rank, std::size_t index) {
  const Tensor grad = parameter.variable.grad_or_zeros();
  grad.copy_from(Tensor::from<double>(contribution(rank, index), grad.shape(), DType::f64));
}

// Expects the serial sum over the ranks for which has(rank, index), within `tolerance`.
template <typename Has>
void expect_sums(const ParameterList& parameters, Has has, double tolerance) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    std::vector<double> expected(static_cast<std::size_t>(shapes[i].numel()));
    for (int rank = 0; rank < mpi_world().size(); ++rank) {
      if (!has(rank, i)) continue;
      const std::vector<double> values = contribution(rank, i);
      for (std::size_t at = 0; at < values.size(); ++at) expected[at] += values[at];
    }
    ASSERT_TRUE(parameters[i].variable.grad().defined()) << i;
    const std::vector<double> found = parameters[i].variable.grad().to_vector();
    for (std::size_t at = 0; at < found.size(); ++at) ASSERT_NEAR(found[at], expected[at], tolerance) << i;
  }
}

template <typename T>
void expect_same_bits_on_all_ranks(const ParameterList& parameters) {
  for (const Parameter& parameter : parameters) {
    const std::span<T> mine = parameter.variable.grad().span<T>();
    std::vector<T> of_root(mine.begin(), mine.end());
    mpi_world().broadcast(std::span<T>(of_root), 0);
    EXPECT_TRUE(mine.empty() || std::memcmp(mine.data(), of_root.data(), mine.size_bytes()) == 0) << parameter.name;
  }
}

// 24 bytes cut almost every tensor, 1000 bytes some, the default none.
class GradReducer : public testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(BucketBytes, GradReducer, testing::Values(1, 24, 1000, default_bucket_bytes));

TEST_P(GradReducer, GivesTheSerialSum) {
  for (DType dtype : {DType::f32, DType::f64}) {
    const ParameterList parameters = make_parameters(dtype);
    for (std::size_t i = 0; i < shapes.size(); ++i) set_gradient(parameters[i], mpi_world().rank(), i);
    reduce_gradients(mpi_world(), parameters, GetParam());
    expect_sums(parameters, [](int, std::size_t) { return true; }, dtype == DType::f32 ? 2e-6 : 4e-15);
    visit_exact_dtype(dtype, [&]<typename T>() { expect_same_bits_on_all_ranks<T>(parameters); });
  }
}

TEST_P(GradReducer, AMissingGradientCountsAsZeros) {
  const auto has = [](int rank, std::size_t index) {  // no rank has one for p1
    return index != 1 && (static_cast<std::size_t>(rank) + index) % 2 == 0;
  };
  const ParameterList parameters = make_parameters(DType::f64);
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (has(mpi_world().rank(), i)) set_gradient(parameters[i], mpi_world().rank(), i);
  reduce_gradients(mpi_world(), parameters, GetParam());
  expect_sums(parameters, has, 4e-15);
}

TEST_P(GradReducer, FrozenParametersAreLeftAlone) {
  const ParameterList parameters = make_parameters(DType::f64);
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (i != 2) set_gradient(parameters[i], mpi_world().rank(), i);
  parameters[2].variable.set_requires_grad(false);
  parameters[4].variable.set_requires_grad(false);
  reduce_gradients(mpi_world(), parameters, GetParam());
  EXPECT_FALSE(parameters[2].variable.grad().defined());
  EXPECT_EQ(parameters[4].variable.grad().to_vector(), contribution(mpi_world().rank(), 4));
  const std::vector<double> sum = parameters[0].variable.grad().to_vector();
  EXPECT_EQ(sum == contribution(mpi_world().rank(), 0), mpi_world().size() == 1);
}

TEST_P(GradReducer, BothTypesMayStandInOneList) {
  const auto wide = [](std::size_t index) { return index % 2 == 0; };
  ParameterList parameters = make_parameters(DType::f32);
  const ParameterList doubles = make_parameters(DType::f64);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (wide(i)) parameters[i] = doubles[i];
    set_gradient(parameters[i], mpi_world().rank(), i);
  }
  reduce_gradients(mpi_world(), parameters, GetParam());
  expect_sums(parameters, [](int, std::size_t) { return true; }, 2e-6);
}

// More than one default bucket, sums that float holds exactly.
TEST(GradReducerLarge, SeveralBuckets) {
  const int64_t count = 2 * default_bucket_bytes / 4 + 12345;
  const ParameterList parameters = {{"a", Variable(Tensor::zeros({100}, DType::f32), true)},
                                    {"b", Variable(Tensor::zeros({count}, DType::f32), true)},
                                    {"c", Variable(Tensor::zeros({100}, DType::f32), true)}};
  const auto rank = static_cast<std::size_t>(mpi_world().rank());
  for (const Parameter& parameter : parameters) {
    const std::span<float> grad = parameter.variable.grad_or_zeros().span<float>();
    for (std::size_t i = 0; i < grad.size(); ++i) grad[i] = static_cast<float>(i % 1001 + rank);
  }
  reduce_gradients(mpi_world(), parameters);
  const int size = mpi_world().size();
  int64_t wrong = 0;
  for (const Parameter& parameter : parameters) {
    const std::span<float> grad = parameter.variable.grad().span<float>();
    for (std::size_t i = 0; i < grad.size(); ++i)
      wrong += grad[i] != static_cast<float>(static_cast<int>(i % 1001) * size + size * (size - 1) / 2);
  }
  EXPECT_EQ(wrong, 0);
}

TEST(GradReducerAgreement, DifferentParametersAreRefusedOnAllRanks) {
  if (mpi_world().size() == 1) GTEST_SKIP() << "one rank agrees with itself";
  const bool is_last = mpi_world().rank() == mpi_world().size() - 1;
  for (const bool frozen : {true, false}) {
    const int64_t size = is_last && !frozen ? 3 : 2;
    const ParameterList parameters = {{"p", Variable(Tensor::zeros({size}, DType::f32), true)}};
    if (is_last && frozen) parameters[0].variable.set_requires_grad(false);
    try {
      reduce_gradients(mpi_world(), parameters);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                fmt::format("reducing gradients: expected the same trainable parameters on all ranks, but those of "
                            "rank {} differ from rank 0's",
                            mpi_world().size() - 1));
    }
  }
}

}  // namespace
}  // namespace modr
