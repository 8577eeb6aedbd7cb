// The pipeline on as many ranks as run, against the same computation on one.
#include <algorithm>
#include <cmath>

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

// A stage whose passes take given times on a clock of its own, not the machine's: what it sends carries the time at
// which it was ready, and a pass begins when the one before it is over and its input is there.
class ClockedStage final : public StageWork {
 public:
  ClockedStage(StageTimes times, bool is_last) : times_(times), is_last_(is_last) {}
  double now() const { return now_; }

  Variable forward(int64_t, const Variable& input) override {
    if (input.defined()) now_ = std::max(now_, input.value().item());
    now_ += times_.forward;
    const Variable x = input.defined() ? input : Variable(Tensor::zeros({1}, DType::f64), true);
    return make_result("clocked", at_now(), {x}, [this](const Tensor& gradient, InputGradients& inputs) {
      if (!is_last_) now_ = std::max(now_, gradient.item());
      now_ += times_.backward;
      inputs.give(0, at_now());
    });
  }
  Shape input_shape(int64_t) const override { return {1}; }
  Shape output_shape(int64_t) const override { return {1}; }
  TensorType type() const override { return DType::f64; }

 private:
  Tensor at_now() const { return Tensor::full({1}, DType::f64, now_); }

  StageTimes times_;
  bool is_last_;
  double now_ = 0;
};

// Runs the schedule with passes of these times and expects the makespan and the bubble that it promises.
Bubble check_bubble(const ScheduleShape& shape, PipelineOrder order, const std::vector<StageTimes>& times) {
  const Communicator& world = mpi_world();
  const Schedule schedule = make_schedule(shape, order);
  const std::size_t stage = my_stage(shape);
  ClockedStage work(times[stage], stage + 1 == shape.ranks.size());
  PipelineTimes mine = run_pipeline(world, schedule.ranks[static_cast<std::size_t>(world.rank())], work);
  mine.total = world.all_reduced(work.now(), ReduceOp::max);
  mine.forward = times[stage].forward * static_cast<double>(mine.forwards);
  mine.backward = times[stage].backward * static_cast<double>(mine.backwards);
  EXPECT_DOUBLE_EQ(mine.total, simulate(schedule, times).makespan);
  const Bubble bubble = compare_bubble(world, schedule, mine);
  EXPECT_NEAR(bubble.measured, bubble.theoretical, 1e-12);
  return bubble;
}

TEST(Pipeline, TheBubbleIsTheOneOfTheSchedule) {
  const int64_t size = mpi_world().size();
  constexpr int64_t microbatches = 16;
  for (const auto order : {PipelineOrder::one_f_one_b, PipelineOrder::gpipe})
    for (const std::vector<int64_t>& ranks : distributions(size)) {
      std::vector<StageTimes> even, uneven;
      for (std::size_t stage = 0; stage < ranks.size(); ++stage) {
        const auto width = static_cast<double>(ranks[stage]);
        even.push_back({width, 2 * width});
        uneven.push_back({3 + static_cast<double>(stage), 5 - static_cast<double>(stage)});
      }
      const ScheduleShape shape{ranks, 1, microbatches};
      check_bubble(shape, order, uneven);
      const Bubble bubble = check_bubble(shape, order, even);
      const auto stages = std::ssize(ranks);
      if (stages != size) continue;  // a rank a stage: the formula of the books
      EXPECT_NEAR(bubble.theoretical,
                  static_cast<double>(stages - 1) / static_cast<double>(microbatches + stages - 1), 1e-12);
    }
}

// A stage whose first rank has started to send all it has before any other has begun to compute.
class LateStage final : public StageWork {
 public:
  LateStage(const Communicator& meeting, bool is_first, int64_t meets_at) : meeting_(meeting), meets_at_(meets_at) {
    if (is_first) first_ = Variable(Tensor::zeros(input_shape(0), DType::f64), true);
  }
  Variable forward(int64_t, const Variable& input) override {
    if (forwards_++ == meets_at_) meeting_.barrier();
    const Variable& x = input.defined() ? input : first_;
    return make_result("late", x.value(), {x},
                       [](const Tensor& gradient, InputGradients& inputs) { inputs.give(0, gradient); });
  }
  Shape input_shape(int64_t) const override { return {200'000}; }  // no eager message
  Shape output_shape(int64_t microbatch) const override { return input_shape(microbatch); }
  TensorType type() const override { return DType::f64; }

 private:
  const Communicator& meeting_;
  int64_t meets_at_, forwards_ = 0;
  Variable first_;
};

// (If they did, nobody would come to the meeting, and the job would reach its time limit.)
TEST(Pipeline, SendsWaitForNobody) {
  const Communicator& world = mpi_world();
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  const int64_t microbatches = 4 * (world.size() - 1);  // two of the four that a rank gets are asked for ahead
  const Schedule schedule = make_schedule({{1, world.size() - 1}, 1, microbatches}, PipelineOrder::gpipe);
  const Communicator meeting = world.split(0, world.rank(), "meeting");
  LateStage work(meeting, world.is_root(), world.is_root() ? microbatches - 1 : 0);
  const PipelineTimes times = run_pipeline(world, schedule.ranks[static_cast<std::size_t>(world.rank())], work);
  EXPECT_EQ(times.forwards, world.is_root() ? microbatches : 4);
}

}  // namespace
}  // namespace modr
