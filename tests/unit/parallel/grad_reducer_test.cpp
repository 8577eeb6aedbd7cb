#include "parallel/grad_reducer.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "comm/self_backend.hpp"

namespace modr {
namespace {

// One rank that writes down the sizes of its all-reduces.
class RecordingBackend final : public SelfBackend {
 public:
  void all_reduce(void*, int64_t count, ReduceType, ReduceOp) override { counts.push_back(count); }

  std::vector<int64_t> counts;
};

TEST(GradReducer, SendsOneMessageABucket) {
  ParameterList parameters;
  for (int64_t size : {3, 4, 20, 1, 2})
    parameters.push_back({"p", Variable(Tensor::full({size}, DType::f32, 1), true)});
  for (const auto& [bytes, expected] : std::vector<std::pair<int64_t, std::vector<int64_t>>>{
           {default_bucket_bytes, {30}}, {120, {30}}, {40, {10, 10, 10}}, {64, {16, 14}}}) {
    const auto backend = std::make_shared<RecordingBackend>();
    reduce_gradients(Communicator(backend), parameters, bytes);
    EXPECT_EQ(backend->counts, expected) << bytes;
  }
}

TEST(GradReducer, NothingToSendIsNoMessage) {
  const auto backend = std::make_shared<RecordingBackend>();
  reduce_gradients(Communicator(backend), {{"frozen", Variable(Tensor::zeros({4}, DType::f32), false)}});
  reduce_gradients(Communicator(backend), {});
  EXPECT_TRUE(backend->counts.empty());
}

}  // namespace
}  // namespace modr
