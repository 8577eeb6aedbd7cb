// A rank may have no row (an empty microbatch, branches that nobody chose) or no branch. Every op must then give an
// empty result of the right shape, and gradients of zero to the same leaves as it does with rows: what a rank records
// may not depend on sizes, since its peers wait for the exchanges of its backward pass.
#include <gtest/gtest.h>

#include "ops/arithmetic.hpp"
#include "ops/attention.hpp"
#include "ops/combine.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/embedding.hpp"
#include "ops/linear.hpp"
#include "ops/linear_cross_entropy.hpp"
#include "ops/lora_linear.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/score.hpp"
#include "ops/silu_gate.hpp"
#include "support/grad_check.hpp"
#include "support/single_rows.hpp"

namespace modr {
namespace {

// An op with `rows` rows, 0 or 4.
struct OpCase {
  const char* name;
  std::function<std::vector<Shape>(int64_t rows)> leaves;
  std::function<Variable(const std::vector<Variable>& leaves, int64_t rows)> op;
  std::function<Shape(int64_t rows)> result;
};

Indices first_indices(int64_t count) {
  std::vector<int32_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<int32_t>(i));
  return make_indices(std::move(values));
}

// No branch where there is no row.
RowGroups groups_of(int64_t rows) { return make_row_groups({{0, 0, rows / 2}, {1, rows / 2, rows}}); }
std::vector<Shape> lora_leaves(int64_t rows) {
  const int64_t branches = rows == 0 ? 0 : 2;
  return {{rows, 3}, {5, 3}, {branches, 2, 3}, {branches, 5, 2}};
}

std::vector<OpCase> weighted_cases() {
  return {
      {"linear",
       [](int64_t r) {
         return std::vector<Shape>{{r, 3}, {5, 3}};
       },
       [](const auto& in, int64_t) { return ops::linear(in[0], in[1]); },
       [](int64_t r) {
         return Shape{r, 5};
       }},
      {"linear_columns",
       [](int64_t r) {
         return std::vector<Shape>{{2, r, 3}, {5, 4}, {2, r, 5}};
       },
       [](const auto& in, int64_t) { return ops::linear_columns(in[0], in[1], 1, in[2]); },
       [](int64_t r) {
         return Shape{2, r, 5};
       }},
      {"lora_linear", lora_leaves,
       [](const auto& in, int64_t r) {
         return ops::lora_linear(in[0], in[1], {in[2], in[3], 0.5}, groups_of(r));
       },
       [](int64_t r) {
         return Shape{r, 5};
       }},
      {"lora_linear_merged", lora_leaves,
       [](const auto& in, int64_t r) {
         ops::LoraWeights lora{in[2], in[3], 0.5};
         lora.merged = ops::merge(in[1], lora, DType::f64, true);
         return ops::lora_linear(in[0], in[1], lora, groups_of(r));
       },
       [](int64_t r) {
         return Shape{r, 5};
       }},
      {"embedding",
       [](int64_t) {
         return std::vector<Shape>{{6, 3}};
       },
       [](const auto& in, int64_t r) { return ops::embedding(first_indices(r), in[0], 2); },
       [](int64_t r) {
         return Shape{r, 3};
       }},
      {"rms_norm",
       [](int64_t r) {
         return std::vector<Shape>{{r, 3}, {3}};
       },
       [](const auto& in, int64_t) { return ops::rms_norm(in[0], in[1], 1e-6); },
       [](int64_t r) {
         return Shape{r, 3};
       }},
      {"add_rms_norm",
       [](int64_t r) {
         return std::vector<Shape>{{r, 3}, {r, 3}, {3}};
       },
       [](const auto& in, int64_t) { return ops::add_rms_norm(in[0], in[1], in[2], 1e-6); },
       [](int64_t r) {
         return Shape{r, 3};
       }},
      {"linear_cross_entropy",
       [](int64_t r) {
         return std::vector<Shape>{{r, 3}, {5, 3}};
       },
       [](const auto& in, int64_t r) { return ops::linear_cross_entropy(in[0], in[1], first_indices(r), 0.5); },
       [](int64_t) { return Shape{}; }},
      {"rope",
       [](int64_t r) {
         return std::vector<Shape>{{r, 24}, {2, 1, 2, 4}};
       },
       [](const auto& in, int64_t r) { return ops::rope(in[0], in[1], ops::rope_table(4, 4, 50), first_indices(r)); },
       [](int64_t r) {
         return Shape{r, 24};
       }},
  };
}

std::vector<OpCase> row_cases() {
  const auto rows_of = [](int64_t width) { return [width](int64_t r) { return std::vector<Shape>{{r, width}}; }; };
  const auto shape_of = [](int64_t width) { return [width](int64_t r) { return Shape{r, width}; }; };
  return {
      {"add",
       [](int64_t r) {
         return std::vector<Shape>{{r, 3}, {r, 3}};
       },
       [](const auto& in, int64_t) { return ops::add(in[0], in[1]); }, shape_of(3)},
      {"view", rows_of(6),
       [](const auto& in, int64_t r) {
         return in[0].view({r / 2, 12});
       },
       [](int64_t r) {
         return Shape{r / 2, 12};
       }},
      {"gather_rows", rows_of(3), [](const auto& in, int64_t r) { return ops::gather_rows(in[0], first_indices(r)); },
       shape_of(3)},
      {"gather_no_rows", rows_of(3), [](const auto& in, int64_t) { return ops::gather_rows(in[0], first_indices(0)); },
       [](int64_t) {
         return Shape{0, 3};
       }},
      {"rope_without_bias", rows_of(12),
       [](const auto& in, int64_t r) { return ops::rope(in[0], {}, ops::rope_table(4, 4, 50), first_indices(r)); },
       shape_of(12)},
      {"causal_attention", rows_of(12),
       [](const auto& in, int64_t r) { return ops::causal_attention(in[0], uniform_offsets(r / 2, 2), 2); },
       shape_of(4)},
      {"causal_attention_of_empty_sequences", rows_of(12),
       [](const auto& in, int64_t r) { return ops::causal_attention(in[0], uniform_offsets(2, r / 2), 2); },
       shape_of(4)},
      {"silu_gate", rows_of(6), [](const auto& in, int64_t) { return ops::silu_gate(in[0]); }, shape_of(3)},
      {"cross_entropy", rows_of(5),
       [](const auto& in, int64_t r) { return ops::cross_entropy(in[0], first_indices(r), 0.5); },
       [](int64_t) { return Shape{}; }},
  };
}

std::vector<OpCase> routing_cases() {
  const auto rows_of_3 = [](int64_t r) { return std::vector<Shape>{{r, 3}}; };
  const auto combine = [](ops::Gate gate) {
    return [gate](const auto& in, int64_t r) {
      return ops::combine(in[0], in[1], testing::single_rows(first_indices(r), r / 2), gate);
    };
  };
  const auto combined = [](int64_t r) { return std::vector<Shape>{{r, 2, 3}, {r / 2, 2}}; };
  return {
      {"masked_mean", rows_of_3,
       [](const auto& in, int64_t r) {
         return ops::masked_mean(in[0], uniform_offsets(r / 2, 2),
                                 make_mask(std::vector<uint8_t>(static_cast<std::size_t>(r), 1)));
       },
       [](int64_t r) {
         return Shape{r / 2, 3};
       }},
      {"masked_mean_without_mask", rows_of_3,
       [](const auto& in, int64_t r) { return ops::masked_mean(in[0], uniform_offsets(r / 2, 2), nullptr); },
       [](int64_t r) {
         return Shape{r / 2, 3};
       }},
      {"sigmoid", rows_of_3, [](const auto& in, int64_t) { return ops::sigmoid(in[0]); },
       [](int64_t r) {
         return Shape{r, 3};
       }},
      {"softmax", rows_of_3, [](const auto& in, int64_t) { return ops::softmax(in[0]); },
       [](int64_t r) {
         return Shape{r, 3};
       }},
      {"gather_columns",
       [](int64_t r) {
         return std::vector<Shape>{{r / 2, 4}};
       },
       [](const auto& in, int64_t r) { return ops::gather_columns(in[0], first_indices(r), 2); },
       [](int64_t r) {
         return Shape{r / 2, 2};
       }},
      {"combine", combined, combine(ops::Gate::raw),
       [](int64_t r) {
         return Shape{r / 2, 2, 3};
       }},
      {"combine_straight_through", combined, combine(ops::Gate::straight_through),
       [](int64_t r) {
         return Shape{r / 2, 2, 3};
       }},
  };
}

std::vector<OpCase> all_cases() {
  std::vector<OpCase> cases = weighted_cases();
  for (const auto& more : {row_cases(), routing_cases()}) cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

class EmptyOp : public ::testing::TestWithParam<OpCase> {
 protected:
  std::vector<Variable> leaves(int64_t rows, DType dtype) const {
    std::vector<Variable> result;
    for (const Shape& shape : GetParam().leaves(rows))
      result.emplace_back(testing::random_tensor(shape, result.size() + 1, 1, dtype), false);
    return result;
  }
};

TEST_P(EmptyOp, HasTheRightShapeAndGradientsOfZero) {
  for (DType dtype : {DType::f32, DType::f64}) {
    const std::vector<Variable> in = leaves(0, dtype);
    for (const Variable& leaf : in) leaf.set_requires_grad(true);
    const Variable out = GetParam().op(in, 0);
    ASSERT_EQ(out.shape(), GetParam().result(0));
    EXPECT_EQ(out.dtype(), dtype);
    for (double value : out.value().to_vector()) EXPECT_EQ(value, 0);
    backward(out);
    for (const Variable& leaf : in) {
      ASSERT_TRUE(leaf.grad().defined());
      EXPECT_EQ(leaf.grad().shape(), leaf.shape());
      for (double value : leaf.grad().to_vector()) EXPECT_EQ(value, 0);
    }
  }
}

TEST_P(EmptyOp, RecordsWhatItRecordsWithRows) {
  const std::size_t count = GetParam().leaves(0).size();
  for (unsigned trained = 0; trained < 1u << count; ++trained)
    for (int64_t rows : {0, 4}) {
      const std::vector<Variable> in = leaves(rows, DType::f64);
      for (std::size_t i = 0; i < count; ++i) in[i].set_requires_grad((trained >> i & 1) != 0);
      const Variable out = GetParam().op(in, rows);
      ASSERT_EQ(out.shape(), GetParam().result(rows));
      ASSERT_EQ(out.requires_grad(), trained != 0) << rows << " rows";
      if (trained != 0) backward(out);
      for (const Variable& leaf : in) EXPECT_EQ(leaf.grad().defined(), leaf.requires_grad()) << rows << " rows";
    }
}

INSTANTIATE_TEST_SUITE_P(Ops, EmptyOp, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<OpCase>& each) { return std::string(each.param.name); });

TEST(CachedAttention, WithoutSequences) {
  const ops::CachedTokens nothing{Tensor::zeros({3, 2, 4}, DType::f64), make_offsets({}), make_offsets({}), 0};
  const Variable qkv = testing::random_leaf({0, 12}, 1);
  EXPECT_EQ(ops::cached_attention(qkv, uniform_offsets(0, 1), 2, nothing).shape(), (Shape{0, 4}));
}

}  // namespace
}  // namespace modr
