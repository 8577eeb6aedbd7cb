// Parts of a model, as the ranks of a pipeline and of a branch group hold them, against the whole.
#include <gtest/gtest.h>

#include "moe/lora_branches.hpp"
#include "support/expect_error.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

TEST(ModelPart, StagesOneAfterAnotherGiveTheWholeForwardPass) {
  for (const bool tied : {true, false}) {
    ModelConfig config = testing::tiny_config(3);
    config.tie_embeddings = tied;
    constexpr Trainable all = Trainable::all;
    ModrModel whole(config, DType::f32), first(config, DType::f32, all, {true, false, false, {}}),
        middle(config, DType::f32, all, {false, true, false, {}}),
        last(config, DType::f32, all, {false, false, true, {}});
    for (ModrModel* model : {&whole, &first, &middle, &last}) model->initialize(3);
    EXPECT_EQ(first.parameters().size() + middle.parameters().size() + last.parameters().size(),
              whole.parameters().size() + (tied ? 1 : 0));  // the embedding is in both ends
    const TokenBatch batch = testing::random_batch(2, 5, config.vocab_size, 2, 1);
    const Variable states(testing::random_states(config, 2, 5, 1, DType::f32));
    const ForwardOptions options{{1, 2}, Recompute::none, nullptr};
    const CoreOutput output = middle.run_core(first.run_prelude(batch), batch, states, options);
    EXPECT_EQ(last.run_coda(output.state, batch).value().to_vector(),
              whole.forward(batch, states, options).logits.value().to_vector());
    expect_error([&] { first.core(); }, {"this rank holds no recurrent core"});
    expect_error([&] { middle.prelude(); }, {"this rank holds no prelude"});
    expect_error([&] { middle.coda(); }, {"this rank holds no coda"});
  }
}

TEST(ModelPart, InitializingChangesTheVersionOfEveryWeight) {
  ModrModel model(testing::tiny_config(2), DType::f32);
  std::vector<uint64_t> before;
  for (const Parameter& parameter : model.parameters()) before.push_back(parameter.variable.value().version());
  model.initialize(3);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_NE(model.parameters()[i].variable.value().version(), before[i]) << model.parameters()[i].name;
}

TEST(ModelPart, InitializingTheBranchesLeavesTheBackboneToTheFileItComesFrom) {
  ModrModel whole(testing::tiny_config(2), DType::f32), branches(testing::tiny_config(2), DType::f32);
  whole.initialize(3);
  std::vector<uint64_t> before;
  for (const Parameter& parameter : branches.parameters()) before.push_back(parameter.variable.value().version());
  branches.initialize(3, Trainable::branches);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Parameter& parameter = branches.parameters()[i];
    const Tensor& value = parameter.variable.value();
    if (is_branch_parameter(parameter.name)) {
      EXPECT_EQ(value.to_vector(), whole.parameters()[i].variable.value().to_vector()) << parameter.name;
    } else {
      EXPECT_EQ(value.version(), before[i]) << parameter.name;
    }
  }
}

TEST(ModelPart, SomeBranchesHaveTheNumbersTheyHaveInTheWhole) {
  const ModelConfig config = testing::tiny_config(5);
  ModrModel whole(config, DType::f32);
  whole.initialize(3);
  for (const Slice here : {Slice{0, 2}, Slice{2, 5}, Slice{3, 3}}) {
    ModrModel part(config, DType::f32, Trainable::all, {true, true, true, here});
    part.initialize(3);
    ASSERT_EQ(part.parameters().size(), whole.parameters().size());
    for (std::size_t i = 0; i < part.parameters().size(); ++i) {
      const Parameter &mine = part.parameters()[i], &all = whole.parameters()[i];
      ASSERT_EQ(mine.name, all.name);
      const Tensor& values = all.variable.value();
      EXPECT_EQ(mine.part().whole_shape(), values.shape());
      const Tensor expected = is_adapter(mine.name) ? values.slice(0, here.begin, here.end) : values;
      EXPECT_EQ(mine.variable.value().to_vector(), expected.to_vector()) << mine.name;
    }
  }
}

}  // namespace
}  // namespace modr
