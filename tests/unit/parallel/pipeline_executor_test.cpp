#include "parallel/pipeline_executor.hpp"

#include "base/error.hpp"
#include "unit/parallel/toy_stages.hpp"

namespace modr {
namespace {

using testing::plain_run;
using testing::ToyProblem;
using testing::ToyStage;

TEST(PipelineExecutor, OneStageIsTheSameCodeWithoutMessages) {
  const ToyProblem problem{{3, 0, 5, 1}};
  const ToyStage expected = plain_run(problem);
  for (const auto order : {PipelineOrder::one_f_one_b, PipelineOrder::gpipe}) {
    ToyStage work(problem, 0, 3);
    const Schedule schedule = make_schedule({{1}, 1, 4}, order);
    const PipelineTimes times = run_pipeline(Communicator::self(), schedule.ranks[0], work);
    EXPECT_EQ(work.losses, expected.losses);
    for (std::size_t layer = 0; layer < 3; ++layer)
      EXPECT_EQ(work.weights[layer].grad().to_vector(), expected.weights[layer].grad().to_vector());
    EXPECT_EQ(times.forwards, 4);
    EXPECT_EQ(times.backwards, 4);
    EXPECT_GT(times.forward, 0);
    EXPECT_GT(times.backward, 0);
    EXPECT_LE(times.forward + times.backward + times.waiting, times.total);
    const Bubble bubble = compare_bubble(Communicator::self(), schedule, times);
    EXPECT_NEAR(bubble.theoretical, 0, 1e-12);
    EXPECT_NEAR(bubble.measured, 1 - (times.forward + times.backward) / times.total, 1e-12);
  }
}

TEST(PipelineExecutor, NothingToDo) {
  ToyStage work({{}}, 0, 3);
  const Schedule schedule = make_schedule({{1}, 1, 0}, PipelineOrder::one_f_one_b);
  const PipelineTimes times = run_pipeline(Communicator::self(), schedule.ranks[0], work);
  EXPECT_EQ(times.forwards, 0);
  EXPECT_EQ(compare_bubble(Communicator::self(), schedule, times).theoretical, 0);
}

// A process alone plays two stages by sending to itself.
TEST(PipelineExecutor, AStageThatBreaksItsContractIsTold) {
  class WrongShape final : public ToyStage {
   public:
    using ToyStage::ToyStage;
    Shape output_shape(int64_t) const override { return {7, 7}; }
  } wrong({{2}}, 0, 1);
  const Communicator self = Communicator::self();
  EXPECT_THROW(run_pipeline(self, {{{Pass::forward, 0, -1, 0}, {Pass::backward, 0, 0, -1}}, 1}, wrong), Error);
  ToyStage trains({{2}}, 0, 1);
  EXPECT_THROW(run_pipeline(self, {{{Pass::forward, 0, -1, 0}}, 1}, trains), Error) << "nobody sends its gradient";
  EXPECT_THROW(run_pipeline(self, {{{Pass::backward, 0, -1, -1}}, 1}, trains), Error) << "no forward pass before it";
}

TEST(PipelineExecutor, RanksTellWhatTheyDo) {
  class Listener final : public ToyStage {
   public:
    Listener(const Communicator& comm, const ToyProblem& problem) : ToyStage(problem, 0, 3), comm_(comm) {}
    Variable forward(int64_t microbatch, const Variable& input) override {
      EXPECT_EQ(comm_.activity(), (Activity{.phase = "forward pass", .step = 5}));
      return ToyStage::forward(microbatch, input);
    }

   private:
    const Communicator& comm_;
  };
  const Communicator self = Communicator::self();
  const Activity before{.phase = "training", .step = 5, .recurrence = -1};
  self.announce(before);
  Listener work(self, {{2}});
  run_pipeline(self, make_schedule({{1}, 1, 1}, PipelineOrder::one_f_one_b).ranks[0], work);
  EXPECT_EQ(self.activity(), before);
}

}  // namespace
}  // namespace modr
