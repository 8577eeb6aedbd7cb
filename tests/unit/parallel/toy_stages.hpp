#pragma once
// Three layers that stand for prelude, recurrence and coda, cut into stages anywhere; in double.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <vector>

#include "base/philox.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/linear.hpp"
#include "ops/rms_norm.hpp"
#include "parallel/pipeline_executor.hpp"

namespace modr::testing {

struct ToyProblem {
  std::vector<int64_t> rows;  // of each microbatch
  bool first_frozen = false;
  int64_t width = 8;
  int64_t classes = 5;
};

inline Tensor toy_values(Shape shape, uint64_t stream) {
  PhiloxSequence random(23, RandomStream::data, stream);
  const Tensor values = Tensor::empty(std::move(shape), DType::f64);
  for (double& value : values.span<double>()) value = random.normal();
  return values;
}

/// Layers [first, last) of linear; linear and norm; linear and cross-entropy.
class ToyStage : public StageWork {
 public:
  ToyStage(const ToyProblem& problem, std::size_t first, std::size_t last)
      : problem_(problem), first_(first), last_(last) {
    for (std::size_t layer = 0; layer < 3; ++layer)
      weights[layer] = Variable(toy_values({layer == 2 ? problem.classes : problem.width, problem.width}, layer),
                                layer > 0 || !problem.first_frozen);
    norm_ = Variable(Tensor::full({problem.width}, DType::f64, 1));
  }

  Variable forward(int64_t microbatch, const Variable& input) override {
    EXPECT_EQ(input.defined(), first_ > 0);
    Variable x = input;
    if (first_ == 0) x = ops::linear(Variable(toy_values(input_shape(microbatch), stream(microbatch))), weights[0]);
    if (first_ <= 1 && last_ > 1) x = meet(ops::rms_norm(ops::linear(x, weights[1]), norm_, 1e-6), microbatch);
    if (last_ < 3) return x;
    const Variable loss = ops::cross_entropy(ops::linear(x, weights[2]), labels(microbatch), 0.25);
    losses[microbatch] += loss.value().item();
    return loss;
  }
  Shape input_shape(int64_t microbatch) const override {
    return {problem_.rows[static_cast<std::size_t>(microbatch)], problem_.width};
  }
  Shape output_shape(int64_t microbatch) const override { return input_shape(microbatch); }
  TensorType type() const override { return DType::f64; }

  std::array<Variable, 3> weights;
  std::map<int64_t, double> losses;  // by microbatch, at the last stage

 protected:
  /// What the second layer's output goes through.
  virtual Variable meet(const Variable& x, int64_t) { return x; }

 private:
  static uint64_t stream(int64_t microbatch) { return 10 + static_cast<uint64_t>(microbatch); }
  Indices labels(int64_t microbatch) const {
    std::vector<int32_t> values;
    for (int64_t row = 0; row < input_shape(microbatch)[0]; ++row)
      values.push_back(static_cast<int32_t>((row + microbatch) % problem_.classes));
    return make_indices(std::move(values));
  }

  ToyProblem problem_;
  std::size_t first_, last_;
  Variable norm_;
};

/// The same without schedule and executor: what a run has to give.
inline ToyStage plain_run(const ToyProblem& problem) {
  ToyStage all(problem, 0, 3);
  for (std::size_t m = 0; m < problem.rows.size(); ++m) backward(all.forward(static_cast<int64_t>(m), {}));
  return all;
}

}  // namespace modr::testing
