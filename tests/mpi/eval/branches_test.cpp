// evaluate() with the branches on different ranks against one rank that has them all.
#include <gtest/gtest.h>

#include <cmath>

#include "eval/evaluation.hpp"
#include "mpi/eval/shared_branches.hpp"
#include "support/expect_error.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

using testing::all_routings;
using testing::branch_groups;
using testing::Routing;
using testing::share_branches;
using testing::SharedModel;
using testing::whole_model;

// Generation and likelihood, with one recurrence and with three, in one pool: ranks stand at different recurrences of
// different work at the same time.
std::vector<Task> small_tasks() {
  std::vector<Task> tasks = tiny_tasks();
  tasks[0].items.resize(5);
  tasks[1].items.resize(3);
  return tasks;
}

EvalConfig small_config() {
  EvalConfig config = tiny_eval_config();
  config.max_new_tokens = 5;
  config.batch = 2;
  return config;
}

// Everything but times, a line a task and depth.
std::string report_of(const ModelResult& result) {
  std::string text;
  for (const TaskResult& task : result.results)
    text += fmt::format("{} {} {}\n", task.task, task.num_steps, pack({task.samples, 0}));
  return text;
}

std::string evaluate_whole(const ModrModel& whole, const std::vector<Task>& tasks, const EvalConfig& config) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  return report_of(evaluate(Communicator::self(), {"tiny", whole, tokenizer}, tasks, config, true));
}

std::string evaluate_shared(const ModrModel& whole, const Communicator& group, const std::vector<Task>& tasks,
                            const EvalConfig& config) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  const SharedModel shared = share_branches(whole, group);
  const ModelUnderTest tested{"tiny", shared.model, tokenizer, PromptStyle::plain, shared.exchange.get()};
  return report_of(evaluate(mpi_world(), tested, tasks, config, true));
}

void expect_the_same(const ModrModel& whole, const Communicator& group, const std::vector<Task>& tasks,
                     const EvalConfig& config, const std::string& which) {
  const std::string want = evaluate_whole(whole, tasks, config);
  const std::string got = evaluate_shared(whole, group, tasks, config);
  EXPECT_EQ(got, mpi_world().is_root() ? want : "") << which << ", groups of " << group.size();
}

TEST(SharedBranches, EveryRoutingGivesTheOneRankResults) {
  for (const Routing& routing : all_routings())
    for (const Communicator& group : branch_groups(mpi_world()))
      expect_the_same(whole_model(routing), group, small_tasks(), small_config(), routing.name());
}

TEST(SharedBranches, EveryCacheGivesTheOneRankResultsWithEarlyExitToo) {
  EvalConfig config = small_config();
  config.num_steps = {3};
  for (const Routing& routing : all_routings())
    for (const Communicator& group : branch_groups(mpi_world()))
      for (const auto& [cache, exit] : {std::pair{"latest-m4", "kl:0.1"}, {"compress-s4", ""}, {"compress-r2", ""}}) {
        config.cache = cache;
        config.exit = exit;
        expect_the_same(whole_model(routing), group, {small_tasks()[0]}, config, routing.name() + ", " + cache);
      }
}

// One problem is work for one rank; the others do nothing but serve.
TEST(SharedBranches, OneProblemForAllRanks) {
  std::vector<Task> tasks{tiny_tasks()[0]};
  tasks[0].items.resize(1);
  EvalConfig config = small_config();
  config.num_steps = {2};
  for (const Communicator& group : branch_groups(mpi_world()))
    expect_the_same(whole_model({RouteUnit::token, RouteWhen::recurrence, 1}), group, tasks, config, "one problem");
}

// A problem with a token whose embedding is not finite: its rank fails between two recurrences, and goes on serving
// until the others are done with theirs.
TEST(SharedBranches, AProblemThatFailsFailsOnAllRanks) {
  ModelConfig config = whole_model(all_routings()[0]).config();
  config.tie_embeddings = false;
  ModrModel whole(config, DType::f64);
  testing::randomize(whole, 5);
  const auto broken = static_cast<int64_t>(Tokenizer::bytes().encode("d", false).front());
  const Tensor& embedding = whole.parameters().front().variable.value();
  embedding.slice(0, broken, broken + 1).copy_from(Tensor::full({1, config.n_embd}, DType::f64, std::nan("")));
  const Tokenizer tokenizer = Tokenizer::bytes();
  for (const Communicator& group : branch_groups(mpi_world())) {
    const SharedModel shared = share_branches(whole, group);
    const ModelUnderTest tested{"tiny", shared.model, tokenizer, PromptStyle::plain, shared.exchange.get()};
    expect_error([&] { evaluate(mpi_world(), tested, small_tasks(), small_config(), true); },
                 {"task numbers with ", "the logits of a token are not finite"});
    expect_error([&] { evaluate(mpi_world(), tested, small_tasks(), small_config(), true); },
                 {"tiny was evaluated already"});
  }
}

}  // namespace
}  // namespace modr
