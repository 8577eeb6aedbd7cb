// The pipeline on as many ranks as run, against the same computation on one.
#include <chrono>
#include <cmath>
#include <thread>

#include "support/mpi_world.hpp"
#include "unit/parallel/toy_stages.hpp"

namespace modr {
namespace {

using testing::plain_run;
using testing::ToyProblem;
using testing::ToyStage;

// Which layers stage s of S computes: one each, or the last stage all that are left.
std::pair<std::size_t, std::size_t> layers_of(std::size_t stage, std::size_t stages) {
  return {stage, stage + 1 == stages ? 3 : stage + 1};
}

std::size_t my_stage(const ScheduleShape& shape) {
  std::size_t stage = 0;
  for (int64_t below = shape.ranks[0]; mpi_world().rank() >= below; below += shape.ranks[stage]) ++stage;
  return stage;
}

// A stage whose second layer meets its branch group in both directions, as an exchange of rows does.
class MeetingStage final : public ToyStage {
 public:
  MeetingStage(const ToyProblem& problem, const ScheduleShape& shape)
      : ToyStage(problem, layers_of(my_stage(shape), shape.ranks.size()).first,
                 layers_of(my_stage(shape), shape.ranks.size()).second),
        round_length_(shape.ranks[shape.branch_stage()]),
        group_(mpi_world().split(group_number(shape), 0, "branch")) {}

 protected:
  Variable meet(const Variable& x, int64_t microbatch) override {
    const auto together = [group = group_, round = microbatch / round_length_](int64_t direction) {
      for (const int64_t other : group.all_gather(2 * round + direction)) EXPECT_EQ(other, 2 * round + direction);
    };
    together(0);
    return make_result("meet", x.value(), {x}, [together](const Tensor& gradient, InputGradients& inputs) {
      together(1);
      inputs.give(0, gradient);
    });
  }

 private:
  static int group_number(const ScheduleShape& shape) {
    const int rank = mpi_world().rank();
    if (my_stage(shape) != shape.branch_stage()) return 1000 + rank;
    const int64_t first = shape.branch_stage() == 0 ? 0 : shape.ranks[0];
    return static_cast<int>((rank - first) / shape.branch);
  }

  int64_t round_length_;
  Communicator group_;
};

// Microbatches of different lengths, some without rows; the long ones are no eager messages.
std::vector<int64_t> rows_of(int64_t microbatches) {
  constexpr int64_t lengths[] = {3, 0, 700, 1, 20};
  std::vector<int64_t> rows;
  for (int64_t m = 0; m < microbatches; ++m) rows.push_back(lengths[m % 5]);
  return rows;
}

void check_run(const ScheduleShape& shape, PipelineOrder order) {
  const ToyProblem problem{rows_of(shape.microbatches), !shape.backward_into_first};
  const ToyStage expected = plain_run(problem);
  MeetingStage work(problem, shape);
  const Schedule schedule = make_schedule(shape, order);
  const auto me = static_cast<std::size_t>(mpi_world().rank());
  const PipelineTimes times = run_pipeline(mpi_world(), schedule.ranks[me], work);
  EXPECT_EQ(times.forwards + times.backwards, static_cast<int64_t>(schedule.ranks[me].instructions.size()));

  std::vector<double> losses(static_cast<std::size_t>(shape.microbatches));
  for (const auto& [microbatch, loss] : work.losses) losses[static_cast<std::size_t>(microbatch)] += loss;
  mpi_world().all_reduce(std::span(losses));
  for (const auto& [microbatch, loss] : expected.losses) EXPECT_EQ(losses[static_cast<std::size_t>(microbatch)], loss);
  for (std::size_t layer = 0; layer < 3; ++layer) {
    const Tensor sum = work.weights[layer].grad_or_zeros();
    mpi_world().all_reduce(sum.span<double>());
    const std::vector<double> found = sum.to_vector(), right = expected.weights[layer].grad_or_zeros().to_vector();
    for (std::size_t i = 0; i < right.size(); ++i)
      ASSERT_NEAR(found[i], right[i], 1e-12 * (1 + std::abs(right[i]))) << "layer " << layer;
  }
}

// Every way to give the ranks to one, two or three stages.
std::vector<std::vector<int64_t>> distributions(int64_t ranks) {
  std::vector<std::vector<int64_t>> all{{ranks}};
  for (int64_t first = 1; first < ranks; ++first) {
    all.push_back({first, ranks - first});
    for (int64_t second = 1; first + second < ranks; ++second) all.push_back({first, second, ranks - first - second});
  }
  return all;
}

TEST(Pipeline, GivesWhatOneRankGives) {
  for (const std::vector<int64_t>& ranks : distributions(mpi_world().size()))
    for (int64_t branch = 1; branch <= mpi_world().size(); ++branch)
      for (const bool backward_into_first : {true, false}) {
        ScheduleShape shape{ranks, branch, (11 + branch - 1) / branch * branch, backward_into_first};
        if (ranks[shape.branch_stage()] % branch != 0 || (ranks.size() == 1 && !backward_into_first)) continue;
        for (const auto order : {PipelineOrder::one_f_one_b, PipelineOrder::gpipe}) {
          SCOPED_TRACE(fmt::format("stages {}+{}+{} branch {} backward_into_first {} {}", ranks[0],
                                   ranks.size() > 1 ? ranks[1] : 0, ranks.size() > 2 ? ranks[2] : 0, branch,
                                   backward_into_first, name_of(order)));
          check_run(shape, order);
        }
      }
}

TEST(Pipeline, FewerMicrobatchesThanRanks) {
  const int64_t size = mpi_world().size();
  for (int64_t microbatches = 0; microbatches <= 2; ++microbatches)
    check_run({distributions(size).back(), 1, microbatches}, PipelineOrder::one_f_one_b);
}

// Passes that sleep, so that nobody waits for a core.
class Sleeper final : public StageWork {
 public:
  explicit Sleeper(int64_t milliseconds) : nap_(milliseconds) {}
  Variable forward(int64_t, const Variable& input) override {
    std::this_thread::sleep_for(nap_);
    const Variable x = input.defined() ? input : Variable(Tensor::zeros({1}, DType::f64), true);
    return make_result("sleep", x.value(), {x}, [nap = nap_](const Tensor& gradient, InputGradients& inputs) {
      std::this_thread::sleep_for(2 * nap);
      inputs.give(0, gradient);
    });
  }
  Shape input_shape(int64_t) const override { return {1}; }
  Shape output_shape(int64_t) const override { return {1}; }
  DType dtype() const override { return DType::f64; }

 private:
  std::chrono::milliseconds nap_;
};

TEST(Pipeline, TheMeasuredBubbleIsNearTheTheoretical) {
  const Communicator& world = mpi_world();
  ScheduleShape shape{{world.size()}, 1, 16};
  if (world.size() > 2) shape.ranks = {1, world.size() - 2, 1};
  const Schedule schedule = make_schedule(shape, PipelineOrder::one_f_one_b);
  Sleeper work(3 * shape.ranks[my_stage(shape)]);
  world.barrier();
  const PipelineTimes times = run_pipeline(world, schedule.ranks[static_cast<std::size_t>(world.rank())], work);
  const Bubble bubble = compare_bubble(world, schedule, times);
  if (world.is_root()) fmt::print("bubble: measured {:.3f}, theoretical {:.3f}\n", bubble.measured, bubble.theoretical);
  EXPECT_GT(bubble.measured, bubble.theoretical - 0.1);
  EXPECT_LT(bubble.measured, bubble.theoretical + 0.3);
}

}  // namespace
}  // namespace modr
